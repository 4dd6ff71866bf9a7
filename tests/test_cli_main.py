"""How the command line is read: commands, common options, languages, errors, start-up."""

# ruff: noqa: F401, F811 (`base` is a fixture)

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli_stand_in import StandIn, base

from qianxun.cli.arguments import command_of, in_reader_language, values_of
from qianxun.cli.main import commands, main, parser_of
from qianxun.cli.words import cells
from qianxun.messages import set_language
from qianxun.shapes import version

NAMES = [name for _, group in commands() for name, _ in group]


def qianxun(
    *argv: str, environment: dict[str, str] | None = None, **options: object
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "qianxun.cli.main", *argv],
        env=os.environ | (environment or {}),
        capture_output=True,
        encoding="utf-8",
        check=False,
        stdin=subprocess.DEVNULL,
        **options,
    )


@pytest.mark.parametrize(
    "argv, command, rest",
    [
        (["search", "x"], "search", ["x"]),
        (["--json", "search", "x"], "search", ["--json", "x"]),
        (["--kb", "add", "list"], "list", ["--kb", "add"]),
        (["--kb=add", "-v", "list"], "list", ["--kb=add", "-v"]),
        (["--json"], None, ["--json"]),
        ([], None, []),
    ],
)
def test_command_is_found_among_common_options(argv: list[str], command: str | None, rest: list[str]) -> None:
    assert command_of(argv) == (command, rest)


def test_values_of_an_option() -> None:
    argv = ["--set", "a=1", "x", "--set=b=2", "--", "--set", "c=3"]
    assert values_of(argv, "--set") == ["a=1", "b=2"]


def test_common_options_may_stand_before_and_after(base: StandIn, tmp_path: Path) -> None:
    assert main(["--kb", str(tmp_path), "--set", "search.k=3", "search", "x", "--set", "search.candidates=50"]) == 0
    assert base.opened["path"] == tmp_path
    assert base.opened["overrides"] == ("search.k=3", "search.candidates=50")
    assert base.opened["settings"].search.k == 3
    assert base.opened["create"] is False


def test_options_may_stand_between_words(base: StandIn) -> None:
    assert main(["search", "annual", "-k", "2", "leave"]) == 0
    assert base.asked[0][1]["query"] == "annual leave"


@pytest.mark.parametrize(
    "argv, query",
    [
        (["search", "--", "-k?"], "-k?"),
        (["search", "-k", "2", "--", "--json", "-k", "x"], "--json -k x"),
        (["--", "search", "-x"], "-x"),
        (["search", "why", "--", "--", "x"], "why -- x"),
    ],
)
def test_after_two_dashes_nothing_is_an_option(
    base: StandIn, argv: list[str], query: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 0
    assert base.asked[0][1]["query"] == query
    assert not capsys.readouterr().out.startswith("{")


def test_two_dashes_serve_names_of_files_too(base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", "--yes", "--", "-dash.txt"]) == 4
    assert base.asked[0] == ("matching", {"what": ["-dash.txt"]})
    assert main(["eval", "retrieval", "--", "-x"]) == 4
    assert "No data set at -x." in capsys.readouterr().err


def test_unknown_option_is_named_before_anything_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "-x"]) == 2
    assert capsys.readouterr().err == (
        "unrecognized arguments: -x. See `qianxun search --help`. "
        "What begins with a dash and is no option goes after `--`.\n"
    )
    assert main(["search", "-x", "--help"]) == 0


def test_command_like_no_other_gets_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frobnicate"]) == 2
    assert capsys.readouterr().err == f"Unknown command 'frobnicate'. The commands are: {', '.join(NAMES)}.\n"


def test_settings_file_is_read(base: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text('kb = "/srv/kb"\nlanguage = "zh"\n', encoding="utf-8")
    assert main(["info", "--config", str(file)]) == 0
    assert base.opened["path"] == Path("/srv/kb")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_has_help_that_fits(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help", "--language", language]) == 0
    out = capsys.readouterr().out
    assert all(cells(line) <= 80 for line in out.splitlines())
    assert out.startswith("usage: qianxun " if language == "en" else "用法：qianxun ")
    if language == "zh":
        assert not [word for word in ("usage", "options", "arguments", "this", "default") if f"{word} " in out]


@pytest.mark.parametrize("argv, code", [([], 2), (["--help"], 0), (["-h"], 0), (["help"], 0)])
def test_without_a_command_all_are_listed(argv: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == code
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in NAMES)


@pytest.mark.parametrize("argv", [["version"], ["--version"]])
def test_version(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out == f"qianxun {version()}\n"
    assert main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": version()}


@pytest.mark.parametrize(
    "argv, message",
    [
        (["serach", "x"], "Unknown command 'serach'. Did you mean `qianxun search`? `qianxun --help` lists them."),
        (["search"], "the following arguments are required: QUERY. See `qianxun search --help`."),
        (["search", "x", "-k", "0"], "argument -k: '0' is not a whole number of at least 1."),
        (["search", "x", "--mode", "best"], "argument --mode: 'best' is not one of hybrid, lexical, dense."),
        (["list", "--bogus"], "unrecognized arguments: --bogus."),
        (["list", "--kb"], "argument --kb: expected one argument."),
        (["list", "--set", "serach.k=5"], "--set: unknown setting 'serach"),
        (["list", "--set", "search.k"], "--set 'search.k' is not KEY=VALUE."),
        (["list", "--config", "/nowhere.toml"], "No settings file at /nowhere.toml. Make one with `qianxun init`."),
    ],
)
def test_bad_usage_is_one_clear_line_and_2(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    caught = capsys.readouterr()
    assert caught.err.startswith(message)
    assert caught.err.count("\n") == 1
    assert caught.out == ""
    assert main([*argv, "--json"]) == 2
    shape = json.loads(capsys.readouterr().out)
    assert set(shape["error"]) == {"kind", "message", "remedy"}


@pytest.mark.parametrize(
    "english, chinese",
    [
        ("the following arguments are required: QUERY", "缺少参数：QUERY"),
        ("argument -k: expected one argument", "参数 -k：需要一个值"),
        (
            "argument --mode: invalid choice: 'x' (choose from 'hybrid', 'dense')",
            "参数 --mode：'x' 不在可选值 hybrid, dense 之中",
        ),
        # Python 3.12 and later print choices without quotes.
        (
            "argument --mode: invalid choice: 'x' (choose from hybrid, dense)",
            "参数 --mode：'x' 不在可选值 hybrid, dense 之中",
        ),
        ("argument -v/--verbose: ignored explicit argument '3'", "参数 -v/--verbose：不接受值，却给了 '3'"),
        ("some message of a later Python", "some message of a later Python"),
    ],
)
def test_words_of_argparse_in_chinese(english: str, chinese: str) -> None:
    set_language("zh")
    assert in_reader_language(english) == chinese


def test_locale_chooses_the_language_and_the_option_wins(tmp_path: Path) -> None:
    chinese = {"LC_ALL": "zh_CN.UTF-8"}
    assert qianxun("search", "x", environment=chinese, cwd=tmp_path).stderr.endswith(
        "请用 `qianxun add 路径` 创建，或用 --kb 指定另一个。\n"
    )
    assert qianxun("search", environment=chinese).stderr == "缺少参数：QUERY。请看 `qianxun search --help`。\n"
    assert qianxun("search", "--language", "en", environment=chinese).stderr.startswith("the following arguments")


def test_setting_chooses_the_language(tmp_path: Path) -> None:
    (tmp_path / "qianxun.toml").write_text('language = "zh"\n', encoding="utf-8")
    done = qianxun("show", "x", cwd=tmp_path)
    assert done.stderr == "'x' 不是编号。`qianxun list` 显示编号。\n"
    assert done.returncode == 2


def test_piped_output_is_utf8_json_even_in_another_encoding(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "qianxun.cli.main", "show", "甲", "--json"]
    environment = os.environ | {"PYTHONIOENCODING": "gbk"}
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, cwd=tmp_path)
    assert "甲" in json.loads(done.stdout.decode("utf-8"))["error"]["message"]
    assert "甲" in done.stderr.decode("gbk")


def test_no_colour_when_piped(tmp_path: Path) -> None:
    assert "\x1b" not in qianxun("doctor", cwd=tmp_path).stdout


def test_starting_up_imports_no_engine_no_rich_and_no_other_command() -> None:
    probe = (
        "import sys; from qianxun.cli.main import main; main(['search', '--help']); "
        "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'faiss', 'tantivy', 'rich', 'opencc', 'asyncio')"
        " or m in ('qianxun.cli.add', 'qianxun.knowledge_base')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr.strip() == "[]"


def test_every_command_has_a_module_with_arguments_and_run() -> None:
    folder = Path(sys.modules["qianxun.cli.main"].__file__ or "").parent
    for name in NAMES:
        assert (folder / f"{name.replace(' ', '_')}.py").is_file()
        assert parser_of(name).prog == f"qianxun {name}"
