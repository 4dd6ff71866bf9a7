"""The filter language: what each form means, errors that name the place, writing it back; Chinese and English."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.documents.registry import loader_for
from qianxun.errors import InputError
from qianxun.files import RawFile
from qianxun.filters import FIELDS, And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range, matches, visible_to
from qianxun.records import Asker
from qianxun.retrieval.dates import Period, is_age, is_bound, period
from qianxun.retrieval.filter_language import MAX_CHARS, MAX_CONDITIONS, MAX_DEPTH, parse_filter, render_filter
from qianxun.retrieval.filter_words import FORMATS, of_format
from qianxun.settings import ReadingSettings

NOW = datetime(2025, 3, 31, 12, tzinfo=UTC)


def parsed(text: str) -> Filter:
    return parse_filter(text, NOW)


def labelled(*labels: str) -> AnyLabel:
    return AnyLabel(frozenset(labels))


MARKDOWN = Or((Equals("format", "markdown"), Equals("format", "md")))

MEANINGS: dict[str, Filter] = {
    "title = 年假": Equals("title", "年假"),
    "TITLE == “年假 制度”": Equals("title", "年假 制度"),
    "标题是年假": Equals("title", "年假"),
    "標題＝「年假」": Equals("title", "年假"),
    "title != 年假": Not(Equals("title", "年假")),
    "标题 不是 年假": Not(Equals("title", "年假")),
    "title ≠ 年假": Not(Equals("title", "年假")),
    "title ~ 年假": Contains("title", "年假"),
    "标题包含“年假”": Contains("title", "年假"),
    "標題～年假": Contains("title", "年假"),
    "标题不包含年假": Not(Contains("title", "年假")),
    'source ^= "drafts/"': Prefix("source", "drafts/"),
    "来源＾＝/人事/": Prefix("source", "/人事/"),
    "source ^= ~/docs": Prefix("source", "~/docs"),
    "source = a.zip!/b=c.md": Equals("source", "a.zip!/b=c.md"),
    "source ^= https://example.com/hr?x=1": Prefix("source", "https://example.com/hr?x=1"),
    "source = 'it''s here'": Equals("source", "it's here"),
    'title = "say ""hi"""': Equals("title", 'say "hi"'),
    'title = ""': Equals("title", ""),
    "format = pdf": Equals("format", "pdf"),
    "格式 = .PDF": Equals("format", "pdf"),
    "type = md": MARKDOWN,
    "format = exactly md": Equals("format", "md"),
    "格式 = 原样 “MD”": Equals("format", "MD"),
    "类型是图片": of_format("image"),
    "format in (pdf, md)": Or((Equals("format", "pdf"), MARKDOWN)),
    "format in (pdf)": Equals("format", "pdf"),
    "source in ()": Or(()),
    "label = hr": labelled("hr"),
    "label != hr": Not(labelled("hr")),
    "label in (hr, finance)": labelled("hr", "finance"),
    "label in (hr,'board, secret')": labelled("hr", "board, secret"),
    "标签 属于 （人事、财务）": labelled("人事", "财务"),
    "标签属于(人事，财务)": labelled("人事", "财务"),
    "label not in (hr)": Not(labelled("hr")),
    "標籤不屬於（人事）": Not(labelled("人事")),
    "label in ()": labelled(),
    "label = exactly exactlyx": labelled("exactlyx"),
    "label = 原样品": labelled("原样品"),
    "modified = 2025": Range("modified", "2025", "2026"),
    "modified != 2025-03": Not(Range("modified", "2025-03", "2025-04")),
    "modified < 2025-03": Range("modified", "0", "2025-03"),
    "modified <= 2025": Range("modified", "0", "2026"),
    "modified > 2025-12": Range("modified", "2026-01"),
    "modified >= 2024-02-29": Range("modified", "2024-02-29"),
    "modified≥2025年3月1日": Range("modified", "2025-03-01"),
    "修改时间 早于 2025年3月": Range("modified", "0", "2025-03"),
    "修改日期晚于“2025/3/1”": Range("modified", "2025-03-02"),
    "日期 不晚於 2025": Range("modified", "0", "2026"),
    "modified >= 7d": Range("modified", "2025-03-24"),
    "modified = today": Range("modified", "2025-03-31", "2025-04-01"),
    "modified in (2023, 2025-03)": Or((Range("modified", "2023", "2024"), Range("modified", "2025-03", "2025-04"))),
    'modified = ""': Equals("modified", ""),
    "modified ^= 2025": Prefix("modified", "2025"),
    "modified >= exactly 2025": Range("modified", "2025"),
    "modified < exactly 2025": Range("modified", None, "2025"),
    "title <= exactly 年": Or((Range("title", None, "年"), Equals("title", "年"))),
    "title > exactly 年": And((Range("title", "年"), Not(Equals("title", "年")))),
    "title = a and source = b and format = c": And(
        (Equals("title", "a"), Equals("source", "b"), Equals("format", "c"))
    ),
    "title = a or source = b and format = c": Or(
        (Equals("title", "a"), And((Equals("source", "b"), Equals("format", "c"))))
    ),
    "(title = a or source = b) and format = c": And(
        (Or((Equals("title", "a"), Equals("source", "b"))), Equals("format", "c"))
    ),
    "not title = a and source = b": And((Not(Equals("title", "a")), Equals("source", "b"))),
    "not (title = a or not source = b)": Not(Or((Equals("title", "a"), Not(Equals("source", "b"))))),
    "NOT NOT title = a": Not(Not(Equals("title", "a"))),
    "标题 = 甲 且 来源 = 乙 或者 非 格式 = pdf": Or(
        (And((Equals("title", "甲"), Equals("source", "乙"))), Not(Equals("format", "pdf")))
    ),
    "（标题＝甲　或　标题＝乙）并且不是（格式＝pdf）": And(
        (Or((Equals("title", "甲"), Equals("title", "乙"))), Not(Equals("format", "pdf")))
    ),
    'label in (hr, finance) and modified >= 2025-01-01 and not source ^= "drafts/" and title ~ 年假': And(
        (
            labelled("hr", "finance"),
            Range("modified", "2025-01-01"),
            Not(Prefix("source", "drafts/")),
            Contains("title", "年假"),
        )
    ),
    "\n title\t=\u3000年假 \n": Equals("title", "年假"),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_what_a_filter_means(text: str) -> None:
    assert parsed(text) == MEANINGS[text]


# -- dates ---------------------------------------------------------------------------------------------

PERIODS = {
    "2025": ("2025", "2026"),
    "2025年": ("2025", "2026"),
    "２０２５年": ("2025", "2026"),
    "2025-12": ("2025-12", "2026-01"),
    "2025/3": ("2025-03", "2025-04"),
    "2025年3月": ("2025-03", "2025-04"),
    "2024-02-29": ("2024-02-29", "2024-03-01"),
    "2025.3.1": ("2025-03-01", "2025-03-02"),
    "2025年12月31日": ("2025-12-31", "2026-01-01"),
    "2025年3月1号": ("2025-03-01", "2025-03-02"),
    "２０２５年３月１日": ("2025-03-01", "2025-03-02"),
    "20250301": ("2025-03-01", "2025-03-02"),
    "2025-03-01T12:59": ("2025-03-01T12:59", "2025-03-01T13:00"),
    "2025-03-01 23:59:59z": ("2025-03-01T23:59:59", "2025-03-02T00:00:00"),
    "today": ("2025-03-31", "2025-04-01"),
    "Today": ("2025-03-31", "2025-04-01"),
    "今天": ("2025-03-31", "2025-04-01"),
    "昨天": ("2025-03-30", "2025-03-31"),
    "0d": ("2025-03-31", "2025-04-01"),
    "7d": ("2025-03-24", "2025-03-25"),
    "7天前": ("2025-03-24", "2025-03-25"),
    "3w": ("2025-03-10", "2025-03-11"),
    "3周": ("2025-03-10", "2025-03-11"),
    "3週前": ("2025-03-10", "2025-03-11"),
    "1m": ("2025-02-28", "2025-03-01"),
    "6个月": ("2024-09-30", "2024-10-01"),
    "6個月前": ("2024-09-30", "2024-10-01"),
    "3m": ("2024-12-31", "2025-01-01"),
    "1y": ("2024-03-31", "2024-04-01"),
    "1年前": ("2024-03-31", "2024-04-01"),
}
NO_DATES = [
    "",
    "x",
    "2025-13",
    "2025-02-30",
    "2025-00",
    "2025-1-",
    "2025-3/1",
    "25",
    "0999",
    "9999",
    "20251301",
    "2025-03-01T25:00",
    "2025-03-01T12:60",
    "3月1日",
    "tomorrow",
    "7x",
    "-7d",
    "7 d",
    "12345d",
    "999y9",
    "9998y",
    "\ud800",
    "20\n25",
]


@pytest.mark.parametrize("written", PERIODS)
def test_a_date_is_a_period(written: str) -> None:
    assert period(written, NOW) == Period(*PERIODS[written])


@pytest.mark.parametrize("written", NO_DATES)
def test_what_is_no_date(written: str) -> None:
    assert period(written, NOW) is None


def test_days_are_those_of_utc() -> None:
    beijing = datetime(2025, 4, 1, 7, tzinfo=timezone(timedelta(hours=8)))
    assert period("today", beijing) == Period("2025-03-31", "2025-04-01")
    assert period("today", datetime(2025, 3, 31, 23)) == Period("2025-03-31", "2025-04-01")


def test_ages_are_told_from_dates() -> None:
    assert [written for written in PERIODS if is_age(written)] == [w for w in PERIODS if not re.match("[2２]", w)]
    assert is_bound("2025-03", NOW)
    assert not is_bound("2025-3", NOW)
    assert not is_bound("7d", NOW)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M"]),
)
def test_a_period_holds_just_the_times_that_begin_like_it(time: datetime, form: str) -> None:
    written = time.strftime(form)
    found = period(written, NOW)
    assert found is not None
    for other in (time, time + timedelta(seconds=61), time - timedelta(days=1), time + timedelta(days=32)):
        modified = other.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (found.low <= modified < found.high) == modified.startswith(written)


def test_a_document_without_a_date_is_neither_before_nor_after() -> None:
    unknown = Described("", "", "", "", ())
    for text in ("modified < 2025", "modified <= 2025", "modified > 1000", "modified >= 1000", "modified = 2025"):
        assert not matches(parsed(text), unknown)
    assert matches(parsed('modified = ""'), unknown)
    assert matches(parsed("not modified < 2025"), unknown)


# -- formats -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, content", [("a.md", "# 年假"), ("a.txt", "年假"), ("a.htm", "<p>年假</p>"), ("a.csv", "年假,天数\n年,5\n")]
)
def test_a_format_can_be_called_as_files_are(name: str, content: str) -> None:
    file = RawFile.of_bytes(name, content.encode())
    (raw,) = loader_for(file).load(file, ReadingSettings())
    document = Described("", "", raw.format, "", ())
    assert matches(parsed(f"format = {name[2:]}"), document)
    assert matches(parsed(f"format = exactly {raw.format}"), document)


def test_every_format_is_written_as_documents_have_it() -> None:
    assert all(name == name.lower() and formats for name, formats in FORMATS.items())
    assert of_format(" .Word ") == of_format("doc") == Or((Equals("format", "docx"), Equals("format", "doc")))
    assert of_format("電子表格") == of_format("excel")


# -- errors --------------------------------------------------------------------------------------------

ERRORS = {
    "": "The filter is empty.",
    " 　": "The filter is empty.",
    "titel = x": "column 1: a field is expected, not 'titel'",
    "= x": "column 1: a field is expected, not '='",
    "title = x and": "ends where a field is expected (column 14)",
    "title = x and and": "column 15: a field is expected, not 'and'",
    "标题 = 年假 且": "ends where a field is expected (column 10)",
    "title": "ends where an operator is expected after title (column 6)",
    "title x": "column 7: after title an operator is expected, not 'x'",
    "title =~ x": "column 7: after title an operator is expected, not '=~'",
    "title not x": "column 7: after title an operator is expected, not 'not'",
    "标题 大于 x": "column 4: after title an operator is expected, not '大于'",
    "title =": "ends where a value is expected (column 8)",
    "title = and format = pdf": "column 9: a value is expected, not 'and'",
    "标题 = 或": "column 6: a value is expected, not '或'",
    "title = exactly": "column 9: a value is expected, not 'exactly'",
    "title = = x": "column 9: a value is expected, not '='",
    "title = )": "column 9: a value is expected, not ')'",
    "title = “年假": "column 9: the quote “ is not closed. Write ” after the value.",
    'title = "x': 'the quote " is not closed',
    "label in hr": "column 10: ( is expected, not 'hr'",
    "label in": "ends where ( is expected (column 9)",
    "label in (hr finance)": "column 14: a comma or ) is expected, not 'finance'",
    "label in (hr, finance": "column 10: this list is not closed",
    "label in (hr,": "ends where a value is expected (column 14)",
    "label in (,)": "column 11: a value is expected, not ','",
    "title = annual leave": "column 16: and, or or the end is expected, not 'leave'",
    "title = x)": "column 10: and, or or the end is expected, not ')'",
    "(title = x": "column 1: this parenthesis is not closed",
    "(title = x y": "column 12: and, or or the end is expected, not 'y'",
    "modified > last-week": "column 12: 'last-week' is no date. Write 2025, 2025-03",
    "modified in (2025, 2025-02-30)": "column 20: '2025-02-30' is no date",
    "修改时间 晚于 昨晚": "column 9: '昨晚' is no date",
    "modified > ''": "column 12: '' is no date",
    "title < x": "column 7: title has no operator <.",
    "label ~ h": "column 7: label has no operator ~. Operators of label: = != in, not in.",
    "label > exactly h": "column 7: label has no operator >.",
    "title = x; format = pdf": "column 12: and, or or the end is expected, not 'format'",
    "title = " + "长" * 30 + " 长" * 40: "column 40: and, or or the end is expected, not '长'",
    "长" * 60: f"column 1: a field is expected, not '{'长' * 24}'",
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_is_one_line_that_names_the_place_and_what_to_do(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(text)
    said = str(caught.value)
    assert ERRORS[text] in said
    assert "\n" not in said
    assert caught.value.remedy


def test_a_filter_that_is_too_deep_long_or_many_is_refused() -> None:
    for text in ("(" * 5000 + "title = x" + ")" * 4000, "not " * 2000 + "title = x", "非" * 5000 + "标题=甲"):
        with pytest.raises(InputError, match=f"nested deeper than {MAX_DEPTH} levels"):
            parsed(text[:MAX_CHARS])
    assert parsed("(" * MAX_DEPTH + "title = x" + ")" * MAX_DEPTH) == Equals("title", "x")
    with pytest.raises(InputError, match="nested deeper"):
        parsed("(" * (MAX_DEPTH + 1) + "title = x" + ")" * (MAX_DEPTH + 1))
    with pytest.raises(InputError, match=f"{MAX_CHARS + 1} characters"):
        parsed("x" * (MAX_CHARS + 1))
    most = " or ".join(["title = x"] * MAX_CONDITIONS)
    assert isinstance(parsed(most), Or)
    with pytest.raises(InputError, match=f"more than {MAX_CONDITIONS} conditions"):
        parsed(f"{most} or title = x")


TOKENS = st.sampled_from(
    [
        "title",
        "来源",
        "label",
        "modified",
        "=",
        "!=",
        "~",
        "<=",
        "in",
        "not",
        "and",
        "或",
        "(",
        ")",
        "，",
        ",",
        '"',
        "“",
        "”",
        "2025",
        "7d",
        "年假",
        " ",
        " ",
        "exactly",
        "原样",
        "\ud800",
        "\n",
        "＝",
        "是",
        "不是",
        "x",
    ]
)


@given(st.lists(TOKENS, max_size=16).map("".join))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_filter_or_an_input_error(text: str) -> None:
    found: Filter | None = None
    with contextlib.suppress(InputError):
        found = parsed(text)
    if found is not None:
        parsed(render_filter(found))


# -- against an evaluator of its own -------------------------------------------------------------------


@dataclass(frozen=True)
class Described:
    source: str
    title: str
    format: str
    modified: str
    labels: tuple[str, ...]


LABELS = ["hr", "财务", "public", "", "a, b", "and"]
TIMES = [
    "",
    "2023-12-31T23:59:59Z",
    "2024-01-01T00:00:00Z",
    "2024-02-29T12:30:00Z",
    "2025-03-31T00:00:00Z",
    "2025-03-31T11:59:59Z",
]
DOCUMENTS = st.builds(
    Described,
    source=st.sampled_from(["/人事/年假.md", "drafts/a.pdf", "/人事", "", "a b", 'q"q', "/x/\udcff.md"]),
    title=st.sampled_from(["年假制度", "年假規定", "Annual Leave", "", "ＡＮＮＵＡＬ", "and"]),
    format=st.sampled_from(["markdown", "md", "pdf", "docx", "PDF"]),
    modified=st.sampled_from(TIMES),
    labels=st.lists(st.sampled_from(LABELS), max_size=3, unique=True).map(tuple),
)
Truth: TypeAlias = Callable[[Described], bool]
Written: TypeAlias = tuple[str, Truth]


def _one(*alternatives: str) -> st.SearchStrategy[str]:
    return st.sampled_from(alternatives)


def _simple(name: str, names: tuple[str, ...], values: list[str]) -> st.SearchStrategy[Written]:
    def made(name_: str, operator: str, value: str) -> Written:
        quoted = f"「{value}」"
        match operator:
            case "=" | "＝" | "是":
                return f"{name_}{operator}{quoted}", lambda d: getattr(d, name) == value
            case "!=" | "不是":
                return f"{name_} {operator} {quoted}", lambda d: getattr(d, name) != value
            case _:
                return f"{name_} {operator} {quoted}", lambda d: getattr(d, name)[: len(value)] == value

    return st.builds(made, _one(*names), _one("=", "＝", "是", "!=", "不是", "^="), st.sampled_from(values))


def _labels(chosen: list[str], *, negated: bool) -> Written:
    text = f"label{' not' if negated else ''} in ({', '.join(chr(34) + c + chr(34) for c in chosen)})"
    return text, lambda d: any(c in d.labels for c in chosen) != negated


def _dated(operator: str, year: int, month: int | None) -> Written:
    written = f"{year}" if month is None else f"{year}年{month}月"
    first = (year, month or 1)
    last = (year, month or 12)

    def true(d: Described) -> bool:
        if not d.modified:
            return operator == "!="
        at = (int(d.modified[:4]), int(d.modified[5:7]))
        return {
            "=": first <= at <= last, "!=": not first <= at <= last, "<": at < first, "<=": at <= last, ">": at > last,
            ">=": at >= first,
        }[operator]  # fmt: skip

    return f"modified {operator} {written}", true


CONTAINED: list[Written] = [
    ("title ~ annual", lambda d: d.title in ("Annual Leave", "ＡＮＮＵＡＬ")),
    ("标题包含年假规定", lambda d: d.title == "年假規定"),
    ("標題 ～ 「年假」", lambda d: d.title.startswith("年假")),
    ("not source ~ 人事", lambda d: "人事" not in d.source),
    ("format = md", lambda d: d.format in ("md", "markdown")),
    ("格式 不是 Word", lambda d: d.format != "docx"),
]
CONDITIONS: st.SearchStrategy[Written] = st.one_of(
    _simple("source", ("source", "来源", "出處"), ["/人事", "", "a b", "drafts/"]),
    _simple("title", ("title", "标题"), ["年假制度", "and", "A"]),
    st.builds(_labels, st.lists(st.sampled_from(LABELS), max_size=3), negated=st.booleans()),
    st.builds(_dated, _one("=", "!=", "<", "<=", ">", ">="), st.integers(2023, 2026), st.none() | st.integers(1, 12)),
    st.sampled_from(CONTAINED),
)


def _joined(parts: list[Written], joint: str, together: Callable[[list[bool]], bool]) -> Written:
    return f"({f' {joint} '.join(text for text, _ in parts)})", lambda d: together([true(d) for _, true in parts])


WRITTEN: st.SearchStrategy[Written] = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(
            lambda parts, joint: _joined(parts, joint, all),
            st.lists(inner, min_size=1, max_size=3),
            _one("and", "且", "和"),
        ),
        st.builds(
            lambda parts, joint: _joined(parts, joint, any), st.lists(inner, min_size=1, max_size=3), _one("or", "或")
        ),
        st.builds(lambda part, no: (f"{no} ({part[0]})", lambda d: not part[1](d)), inner, _one("not", "非")),
    ),
    max_leaves=6,
)


@given(WRITTEN, DOCUMENTS)
@settings(max_examples=800, deadline=None)
def test_a_filter_means_what_an_evaluator_of_its_own_says(written: Written, document: Described) -> None:
    text, true = written
    assert matches(parsed(text), document) is true(document)


def test_and_binds_closer_than_or_and_not_closest() -> None:
    document = Described("", "a", "", "", ())
    assert matches(parsed("title = a or title = a and title = b"), document)
    assert not matches(parsed("(title = a or title = a) and title = b"), document)
    assert matches(parsed("not title = b or title = b"), document)
    assert not matches(parsed("not (title = b or title = a)"), document)


# -- writing back --------------------------------------------------------------------------------------

RAW = st.sampled_from(
    [
        "",
        "md",
        "pdf",
        "PDF",
        "and",
        "或",
        "原样",
        "exactly",
        "2025",
        "2025-03",
        "2025-04",
        "2025-03-31",
        "2025-3",
        "7d",
        "0",
        "/人事/",
        "年假規定",
        "a b",
        'q"q',
        "“”",
        "(x, y)",
        "it's",
        "\n",
        "\udcff",
        "2025-03-31T11:59:59Z",
        "!",
        "~",
        "ＩＮ",
    ]
)
TREES: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(
        st.builds(AnyLabel, st.frozensets(st.sampled_from(LABELS), max_size=3)),
        st.builds(Equals, st.sampled_from(FIELDS), RAW),
        st.builds(Prefix, st.sampled_from(FIELDS), RAW),
        st.builds(Contains, st.sampled_from(FIELDS), RAW),
        st.builds(Range, st.sampled_from(FIELDS), st.none() | RAW, st.none() | RAW),
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
ANYTHING = st.builds(
    Described,
    source=RAW,
    title=RAW,
    format=RAW,
    modified=RAW | st.sampled_from(TIMES),
    labels=DOCUMENTS.map(lambda d: d.labels),
)


@given(TREES, st.lists(ANYTHING, min_size=1, max_size=8))
@settings(max_examples=1500, deadline=None)
def test_what_is_written_back_means_the_same(where: Filter, documents: list[Described]) -> None:
    again = parsed(render_filter(where))
    for document in documents:
        assert matches(again, document) is matches(where, document), render_filter(where)


@pytest.mark.parametrize(
    "where",
    [
        Range("modified", None, "2025"),  # a document without a date, too
        Range("modified", "", "2025"),
        Range("modified", "0", "2025"),
        Range("modified", "2024", "2025"),
        Range("modified", "2024", "2025-03"),
        Range("modified", "2025-03-31", "x"),
        Range("modified"),
        Equals("modified", "2025"),
        Or((And((Equals("title", "a"), Equals("source", "b"))), Not(Or((Equals("title", "b"), Equals("title", "c")))))),
        And((And(()), Or((Not(And((Equals("title", "a"), Equals("title", "a")))), Equals("title", "a"))))),
    ],
    ids=str,
)
def test_each_kind_of_bound_is_written_back(where: Filter) -> None:
    again = parsed(render_filter(where))
    for modified in (*TIMES, "2025", "2025-03", "x", " "):
        for title in "abc":
            document = Described("b", title, "pdf", modified, ())
            assert matches(again, document) is matches(where, document), render_filter(where)


@pytest.mark.parametrize(
    "text",
    [
        'label in (finance, hr) and modified >= 2025-01-01 and not source ^= "drafts/" and title ~ 年假',
        "modified = 2025-03",
        "modified < 2025",
        "(title = a or title = b) and not (format = pdf or label in ())",
        "format = exactly md",
    ],
)
def test_what_is_written_back_reads_well(text: str) -> None:
    assert render_filter(parsed(text)) == text


# -- access --------------------------------------------------------------------------------------------

ASKERS = st.builds(Asker, st.none() | st.frozensets(st.sampled_from(LABELS), max_size=3))


@given(ASKERS, WRITTEN, DOCUMENTS)
@settings(max_examples=600, deadline=None)
def test_no_filter_shows_what_the_asker_may_not_see(asker: Asker, written: Written, document: Described) -> None:
    narrowed = visible_to(asker, parsed(written[0]))
    assert narrowed is not None
    may_see = asker.labels is None or any(label in asker.labels for label in document.labels)
    assert matches(narrowed, document) is (may_see and written[1](document))
