"""docs/testing.md does what it says: its test runs, its tables are complete, its command serves."""

import re
from pathlib import Path
from typing import Any, get_args

from qianxun.answering.bounds import Ending
from qianxun.cli.arguments import Parser
from qianxun.testing import Reply
from qianxun.testing.__main__ import _parser
from qianxun.testing.reply import _NAMES, Fault

PAGE = (Path(__file__).parents[1] / "docs" / "testing.md").read_text(encoding="utf-8")


def test_the_test_in_it_passes(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(compile(example.group(1), "docs/testing.md", "exec"), names)
    names["test_answers_are_checked_and_failures_survived"](tmp_path)


def test_every_field_of_a_reply_is_in_it() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", PAGE.split("## Replies")[1].split("##")[0], re.MULTILINE)
    listed = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(listed) == set(_NAMES)
    said = {"true": True, "false": False, '`""`': "", '`"auto"`': "auto", '`"\\n"`': "\n", "–": None}
    for name, default in listed.items():
        value = getattr(Reply(), name)
        if default in said:
            assert value == said[default] or (default == "–" and not value), name
        elif default.isdecimal() and name not in ("body", "headers"):
            assert value == int(default), name


def test_every_fault_ending_and_option_is_in_it() -> None:
    for fault in get_args(Fault):
        assert not fault or f"`{fault}`" in PAGE
    for ending in get_args(Ending):
        assert ending in PAGE
    parser: Parser = _parser()
    for option in parser._option_string_actions:
        assert option in PAGE or option in ("-h", "--help")
