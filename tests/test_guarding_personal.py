"""Personal data in logs: what is masked, what stays, and that nothing gets past the filter of `logging`."""

import io
import itertools
import json
import logging
import re
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.guarding import MaskingFilter, masked, personal_data

LABELLED = Path(__file__).with_name("personal_data.tsv")


def labelled() -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Each line of the set: its text, and (start, end, kind) of what must be masked."""
    lines = []
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        kinds, _, written = line.partition("\t")
        text, places = "", []
        for part in re.split("(«[^»]*»)", written):
            value = part.strip("«»") if part.startswith("«") else part
            if part.startswith("«"):
                places.append((len(text), len(text) + len(value)))
            text += value
        lines.append(
            (text, [(a, b, kind) for (a, b), kind in zip(places, kinds.split(",") * bool(places), strict=True)])
        )
    return lines


def test_the_labelled_set_is_masked_as_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    n_hard = 0
    for text, expected in labelled():
        found = set(personal_data(text))
        n_hard += not expected
        right.update(kind for *_, kind in found & set(expected))
        wrong.update(kind for *_, kind in found - set(expected))
        missed.update(kind for *_, kind in set(expected) - found)
    precision = right.total() / (right.total() + wrong.total())
    recall = right.total() / (right.total() + missed.total())
    with capsys.disabled():
        sys.stdout.write(
            f"\npersonal data: {right.total() + missed.total()} places, {n_hard} lines without any; "
            f"precision {precision:.3f}, recall {recall:.3f}; by kind {dict(right)}\n"
        )
    assert right.total() + missed.total() >= 150
    assert n_hard >= 150
    assert not wrong
    assert not missed


def test_a_kind_says_what_was_there() -> None:
    assert masked("张三，11010519491231002X，手机１３８１２３４５６７８") == "张三，[id]，手机[phone]"
    assert (
        masked("卡号4111 1111 1111 1111，护照E12345678，密码：abc123") == "卡号[card]，护照[passport]，密码：[secret]"
    )
    assert masked("Call +1 415 555 2671 or write to a@b.org.") == "Call [phone] or write to [email]."
    assert masked("無事 nothing here 123") == "無事 nothing here 123"


def test_addresses_are_masked_if_wanted() -> None:
    text = "10.0.0.1 and 2001:db8::1, fe80::1 at 10:03:07, version 1.2.3"
    assert masked(text) == text
    assert masked(text, addresses=True) == "[ip] and [ip], [ip] at 10:03:07, version 1.2.3"


def test_a_private_key_is_masked_whole_or_cut_off() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----"
    assert masked(f"a {key} b") == "a [secret] b"
    assert masked(f"a {key[:-20]}") == "a [secret]"


@given(st.lists(st.sampled_from([text for text, _ in labelled()]), max_size=4).map(" ".join) | st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text, addresses=True), addresses=True) == masked(text, addresses=True)


@given(st.text(st.sampled_from("0123456789+-. @:aEX=/（）１２«\n密码key"), max_size=200))
def test_places_are_in_order_and_apart(text: str) -> None:
    found = personal_data(text, addresses=True)
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(found))


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "a@",
        "a.",
        "password=",
        "-----BEGIN PRIVATE KEY-----",
        "://a:",
        "+1-",
        "key=a1",
        "1:",
        "token",
        "密码 ",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """Twice the text takes about twice the time, and 100 kB not a second."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    masked(text, addresses=True)
    assert time.process_time() - started < 2


# logging


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(written: io.StringIO, request: pytest.FixtureRequest) -> logging.Logger:
    """A logger with one handler, which masks."""
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(MaskingFilter())
    logger = logging.Logger(request.node.name)
    logger.addHandler(handler)
    return logger


def test_messages_and_arguments_are_masked(logger: logging.Logger, written: io.StringIO) -> None:
    logger.info("问题：%s", "13812345678 是谁的电话")
    logger.warning("password=%s for %r", "hunter2", {"email": "a@example.com"})
    logger.info("order %d took %.1f ms", 13812345678, 3.5)
    logger.info("%(who)s", {"who": "zhang@example.com"})
    assert written.getvalue() == (
        "INFO 问题：[phone] 是谁的电话\n"
        "WARNING password=[secret] for {'email': '[email]'}\n"
        "INFO order 13812345678 took 3.5 ms\n"
        "INFO [email]\n"
    )


def test_exceptions_and_stacks_are_masked(logger: logging.Logger, written: io.StringIO) -> None:
    try:
        try:
            raise ValueError("no user 13812345678")
        except ValueError as error:
            raise RuntimeError("身份证 11010519491231002X") from error
    except RuntimeError:
        logger.exception("failed", stack_info=True)
    shown = written.getvalue()
    assert "ValueError: no user [phone]" in shown
    assert "RuntimeError: 身份证 [id]" in shown
    assert "Traceback" in shown
    assert "Stack (most recent call last)" in shown
    assert "138" not in shown
    assert "110105" not in shown


def test_arguments_that_do_not_fit_are_masked_too(
    logger: logging.Logger, written: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.info("two %s %s", "13812345678")
    assert "[phone]" in written.getvalue()
    assert "13812345678" not in written.getvalue() + capsys.readouterr().err


def test_nothing_is_left_for_other_handlers(logger: logging.Logger) -> None:
    """Whatever a handler writes out, the record holds only masked text."""
    records: list[logging.LogRecord] = []
    keeping = logging.Handler()
    keeping.emit = records.append  # type: ignore[method-assign]
    keeping.addFilter(MaskingFilter())
    logger.addHandler(keeping)
    try:
        raise ValueError("13812345678")
    except ValueError:
        logger.exception("to %s", "a@example.com", extra={"question": "打13812345678", "n": 3})
    [record] = records
    everything = json.dumps({name: str(value) for name, value in vars(record).items()}, ensure_ascii=False)
    assert "13812345678" not in everything
    assert "a@example.com" not in everything
    assert vars(record)["question"] == "打[phone]"
    assert vars(record)["n"] == 3
