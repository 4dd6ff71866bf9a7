"""Answers read as they come: whatever the cuts, the same events, and in the end what `cite.parse` says of the whole."""

import random
import sys
from collections.abc import Sequence
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qianxun.answering import reading
from qianxun.answering.cite import Cited, parse
from qianxun.answering.reading import Event, Mark, Reader, Sentence, Text
from qianxun.records import Span

# What answers are made of: sentences, and everything that looks like a mark or like the end of a sentence.
PIECES = [
    "出差期间市内交通费每天不超过 80 元，凭票报销。", "年休假须在次年 3 月 31 日之前休完！", "逾期作废；",
    "臺北分公司：加班須事先申請",
    "The warranty lasts 3.5 months from delivery.", "It costs USD 1,200 per pallet, e.g. in Q3.",
    "Ask Dr. Smith of Acme Inc.",
    " The", " However", " Hower", " T", "U.S.公司", "v1.2版", "No. 7", "Fig. 3 shows it", "Is it so?", "Go!",
    "他说：“可以。”", '"Yes." "No."',
    "「好。」", "…", "……", "?!", "3.5", "1. First item", "- item", "* **bold** text", "> 引用", "## 标题", "e.g.",
    "i.e.", "Jan. 5",
    "[1]", "【1】", "［１，２］", "[1-3]", "[1, 2]", "[1][3]", "[2、3]", " [12] ", "\n[4]", "[99]", "[0]", "[1234]",
    "\n` ```\n乙方。", "\n```\n", "\n  ```py\n", "```", "`", "\n``", "\n```\r\n",
    "[Q]", "【Ｑ】", "[Q, 1]", "[Q1]", "[1-Q]",
    "[1,]", "[ 1 ; 2 ]", "[1 2]",
    "[", "]", "【", "［", "[1", "【1, ", "[1](http://a.b/c?d=[2])", "[text](https://x.cn)", "](", "[[1]]", "[1】",
    "```python\nx = a[1] + b[i]\n```\n", "`x[1]`", "$x_[1]$", "$$\\sum_{i=1}^{n} x_i [1]$$",
    "| 名称 | 值 |\n|---|---|\n| 甲 | 3.5 [1] |\n", "---", "***\n",
    " ", "\n", "\n\n", "\t", "\u3000", "\r\n", "\u2028", "😀", "𠮷", "é", "e\u0301", "(", ")", "“", "”", "'", '"',
    "。", ".", "!", "，", "a", "B", "好", "1",
]  # fmt: skip
ANSWERS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
ODD = st.text(alphabet='`[]【】［］(1２QＱ ,、-–.。!?\n"”)aT中\ud83d\ude00', max_size=40)


def whole(text: str) -> str:
    """A text with every character in one."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def read(pieces: Sequence[str]) -> list[Event]:
    """The events of an answer, with texts that stand side by side as one."""
    reader = Reader()
    events: list[Event] = []
    for event in [event for piece in pieces for event in reader.feed(piece)] + reader.close():
        if isinstance(event, Text) and events and isinstance(events[-1], Text):
            events[-1] = Text(events[-1].text + event.text)
        else:
            events.append(event)
    return events


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(text[start : start + size])
        start += size
    return [*pieces, text[start:]]


def sentences_of(events: Sequence[Event]) -> list[Sentence]:
    return [event for event in events if isinstance(event, Sentence)]


@settings(max_examples=600, deadline=None)
@given(text=ANSWERS | ODD, sizes=st.lists(st.integers(0, 9), max_size=30))
@example(text="Acme Inc. The end", sizes=[10, 1, 1, 1])
@example(text="好。[1", sizes=[3])
@example(text="A.\n***\n[2]B.[3]", sizes=[4, 4])
def test_every_cut_gives_what_the_whole_says(text: str, sizes: list[int]) -> None:
    events = read(cut(text, sizes))
    assert events == read(list(text))
    assert [sentence.cited for sentence in sentences_of(events)] == parse(whole(text))
    assert "".join(event.text for event in events if not isinstance(event, Sentence)) == whole(text)


@pytest.mark.parametrize("seed", range(8))
def test_lines_longer_than_what_is_looked_back_over(seed: int) -> None:
    chance = random.Random(seed)
    on_one_line = [piece for piece in PIECES if "\n" not in piece]
    common = ['。"', '."', "'", '"', " "] * 10  # whether a straight quote opens or closes is told by those before it
    text = "".join(chance.choices(on_one_line + common, k=2500))
    events = read(cut(text, [chance.randrange(40) for _ in range(300)]))
    assert len(text) > 8000
    assert [sentence.cited for sentence in sentences_of(events)] == parse(text)


@settings(max_examples=200, deadline=None)
@given(text=ANSWERS)
def test_spans_point_into_the_text(text: str) -> None:
    events = read([text])
    for event in events:
        if isinstance(event, Mark):
            assert text[event.span.start : event.span.end] == event.text
            assert parse(f"x{event.text}") == [Cited("x", event.numbers)]
        elif isinstance(event, Sentence):
            shown = text[event.span.start : event.span.end]
            # Without the marks that stand in it, it is the sentence. `parse` takes white space before them as well.
            # The dot keeps backticks within a line from being a fence at its beginning.
            without_marks = "".join(cited.text for cited in parse(f"·{shown}"))
            assert "".join(without_marks.split()) == "".join(f"·{event.cited.text}".split())
    spans = [sentence.span for sentence in sentences_of(events)]
    assert all(before.end <= after.start for before, after in pairwise(spans))


@settings(max_examples=200, deadline=None)
@given(text=ANSWERS)
def test_text_is_shown_at_once_but_never_half_a_mark(text: str) -> None:
    reader = Reader()
    shown = ""
    for n, character in enumerate(text, 1):
        shown += "".join(event.text for event in reader.feed(character) if not isinstance(event, Sentence))
        assert text.startswith(shown)
        held = text[len(shown) : n]
        # Held back is nothing, the beginning of a fence, or an opening bracket with what stands in a mark.
        if held in ("`", "``"):
            continue
        assert held[:1] in ("", "[", "【", "［")
        assert all(c.isdecimal() or c.isspace() or c in ",，、;；-–~]QＱ" for c in held[1:])


def test_marks_are_events_of_their_own() -> None:
    assert read(["限额 80 元 [1, 3]。See [99]", "【２】."]) == [
        Text("限额 80 元 "),
        Mark("[1, 3]", (1, 3), Span(8, 14)),
        Text("。"),
        Sentence(Cited("限额 80 元。", (1, 3)), Span(0, 15)),
        Text("See "),
        Mark("[99]", (99,), Span(19, 23)),  # whether there is a passage 99 is for the caller to say
        Mark("【２】", (2,), Span(23, 26)),
        Text("."),
        Sentence(Cited("See.", (99, 2)), Span(15, 27)),
    ]


def test_a_link_is_no_mark() -> None:
    assert read(["见[1]", "(http://a.cn)。"])[0] == Text("见[1](http://a.cn)。")


def test_a_character_in_two_halves_is_one() -> None:
    assert read(["好\ud83d", "", "\ude00。"]) == [Text("好😀。"), Sentence(Cited("好😀。", ()), Span(0, 3))]
    assert read(["a\ud83d"])[0] == Text("a\ud83d")  # half a character stays what it is


# -- how late ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, decided_by",
    [
        ("限额 80 元。[1] 逾期作废。", "逾"),
        ("加班須事先申請！\n\n- 經主管核準", "經"),
        ("Limit is 80. [1]\n2 is less.", "2"),
        ("It is 3.5. Ask HR.", "A"),
        ("Is it? “No.”", "N"),
        ("限额 3.5 元。The rest", "T"),
        ("From Acme Inc. However, it", "i"),  # the word behind an abbreviation decides, so it must be over
        ("From Acme Inc. 它很大", "它"),
    ],
)
def test_a_sentence_is_given_with_the_next_one_s_first_letter(text: str, decided_by: str) -> None:
    (first, *_) = parse(text)
    reader = Reader()
    for character in text:
        events = reader.feed(character)
        if sentences_of(events):
            assert (sentences_of(events)[0].cited, character) == (first, decided_by)
            assert isinstance(events[0], Sentence)  # and before that letter is shown
            return
        assert character != "�"
    pytest.fail("the sentence came only at the end")


@settings(max_examples=300, deadline=None)
@given(text=ANSWERS, n=st.integers(0, 200))
def test_what_is_given_early_is_what_is_given_in_the_end(text: str, n: int) -> None:
    reader = Reader()
    early = reader.feed(text[:n])
    in_the_end = sentences_of(read([text]))
    assert sentences_of(early) == in_the_end[: len(sentences_of(early))]
    # With more than eight letters or digits of the next one, and no bracket that holds them back, it has been given.
    due = [
        number
        for number, (_, after) in enumerate(pairwise(in_the_end), 1)
        if sum(map(str.isalnum, text[after.span.start : n])) > 8 and not set("[【［") & set(text[after.span.start : n])
    ]
    assert len(sentences_of(early)) >= max(due, default=0)


# -- what it costs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        "出差期间不超过 80 元[1]。", "Ask Dr. Smith of Acme Inc. The end is near [2]. ", "3.5 ", "3.5, e.g. ",
        "[1,1", "[1]", "[", " ", "\n", "a", "。", ".",
        "。”", '。"x', "Inc. ", "中", "!\n[1]", "***\n", "“",
    ],
)  # fmt: skip
def test_cost_is_linear_in_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(n_chars: int) -> int:
        """Lines of the module run, and characters that are searched or copied."""
        n = 0
        end_at, next_mark, parse, decide = reading.end_at, reading.next_mark, reading.parse, reading._Sentences._decide

        def counted_end_at(text: str, mark: int, start: int, *, more: bool) -> tuple[int, int] | None:
            nonlocal n
            found = end_at(text, mark, start, more=more)
            n += (len(text) if found is None else found[1]) - mark
            return found

        def counted_next_mark(text: str, after: int) -> int:
            nonlocal n
            found = next_mark(text, after)
            n += (len(text) if found < 0 else found) - after
            return found

        def counted_parse(text: str) -> list[Cited]:
            nonlocal n
            n += len(text)
            return parse(text)

        def counted_decide(sentences: Any, *, more: bool) -> list[Sentence]:
            nonlocal n
            n += len(sentences._near) + len(sentences._fresh)
            start, found = sentences._start, decide(sentences, more=more)
            if sentences._start > start:
                n += len(sentences._characters)  # what stands behind the last end moves to the front
            return found

        def line(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal n
            n += event == "line"
            return line

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            return line if frame.f_code.co_filename == reading.__file__ else None

        with monkeypatch.context() as patched:
            patched.setattr(reading, "end_at", counted_end_at)
            patched.setattr(reading, "next_mark", counted_next_mark)
            patched.setattr(reading, "parse", counted_parse)
            patched.setattr(reading._Sentences, "_decide", counted_decide)
            reader = Reader()
            before = sys.gettrace()
            sys.settrace(trace)
            try:
                for character in (unit * n_chars)[:n_chars]:
                    reader.feed(character)
                reader.close()
            finally:
                sys.settrace(before)
        return n

    # What is looked back over (a few thousand characters) is full after the first of them.
    first, second, third = cost(4000), cost(8000), cost(12000)
    assert third - second <= 1.2 * (second - first) + 5000


def test_little_is_kept_of_what_has_been_given() -> None:
    reader = Reader()
    for _ in range(20_000):
        reader.feed("限额 80 元[1]。")
    kept = reader._sentences
    assert len(kept._near) < 8000
    assert len(kept._characters) + len(kept._marks) + len(kept._fresh) < 100
