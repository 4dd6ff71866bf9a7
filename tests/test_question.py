"""What a person types: operators are taken, ordinary questions come out as they went in; Chinese, English and mixed."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.filters import And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range, matches
from qianxun.retrieval.question import (
    MAX_PHRASE_CHARS,
    AskedQuestion,
    Note,
    emphasised_in,
    necessary_characters,
    necessary_terms,
    parse_question,
    reads_as_sentence,
    satisfies,
)
from qianxun.text import characters, fold, words

NOW = datetime(2025, 3, 31, 12, tzinfo=UTC)


def parsed(text: str) -> AskedQuestion:
    return parse_question(text, NOW)


# -- what has no operator ------------------------------------------------------------------------------

ORDINARY = (
    "年假可以休几天？",
    "問題：加班費怎麼算？",
    "问题：如何报销",
    "Q: how many days of leave?",
    "注意：请在十日内答复",
    "会议 10:30 开始吗",
    "On what yard line did Carolina begin with 4:51 left?",
    "变形金刚：超能连结是哪个公司发行的作品？",
    "Ocarina of Time: release date",
    "https://example.com/a-b?title=x 是什么",
    "see http://example.com/title:foo for details",
    "COVID-19 隔离政策",
    "年假-病假的区别",
    "一月－三月的报表",
    "-5 °C 时能启动吗",
    "温度 -40 到 85",
    "−5 度",
    "annual report -2024",
    "it's the manager's decision",
    "Temüjin's wife Börte's son",
    "5'10\" tall",
    '27" monitor or 24" monitor',
    '27"显示器和24"显示器',
    'an unpaired " quote',
    "没有配对的“引号",
    "没有配对的「引号",
    'a quote "over\ntwo" lines',
    '""',
    "“”",
    '"?!"',
    "C++ -Wall",
    "gcc -Wall -Werror 是什么意思",
    "what does gcc -Wall do?",
    "what is -Wall",
    "什么是 -Wall",
    "tar -xzf archive.tar.gz",
    "how do I use rm -rf safely",
    "git push --force",
    "git commit -m message",
    "cmake -DCMAKE_BUILD_TYPE=Release build",
    "Vitamin A -B complex",
    "vitamins -B, all of them",
    "a - b",
    "- 年假\n- 病假",
    "请比较：\n-年假\n-病假",
    "compare\n  -annual leave\n  -sick leave",
    "jet interference with supersonic flow -dash experimental papers .",
    "what methods -dash exact or approximate -dash are available",
    "-Wall",
    "-病假",
    "title: annual leave policy",
    "Title: 年假制度",
    "标题： 年假",
    "标题：如何写好一篇论文",
    "来源：这句话出自哪里？",
    "source:",
    "label: positive",
    "after:lunch",
    "after: 2025-01-01",
    "after:2025-13-01",
    "after:2025-02-30",
    "before:the meeting",
    "日期：待定",
    "之后：再说",
    "date:10:30",
    "type:timeout",
    "类型：错误",
    'title:"unclosed value',
    "format:什么",
    "subtitle:foo",
    "年假来源：人事",
    "::: --- +++ !!!",
    "1 + 1 = 2, +86 10 1234",
    "《红楼梦》的作者是谁",
    "‘单引号’和'single quotes'",
    "",
    "   ",
    "😀 -😀",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_question_comes_out_as_it_went_in(text: str) -> None:
    assert parsed(text) == AskedQuestion(text)


@given(st.text(st.characters(exclude_characters='"＂“”„‟「『｢﹁﹃«-－﹣−+＋:：︓﹕', codec="utf-8")))
@settings(deadline=None)
def test_a_text_without_any_sign_of_an_operator_is_untouched(text: str) -> None:
    assert parsed(text) == AskedQuestion(text)


# -- phrases -------------------------------------------------------------------------------------------

REQUIRED = {
    'leave "three months"': ("leave three months", ("three months",)),
    "年假 “三个月”": ("年假 三个月", ("三个月",)),
    "年假 ”三个月”": ("年假 三个月", ("三个月",)),
    "年假 「三個月」": ("年假 三個月", ("三個月",)),
    "年假 『三個月』": ("年假 三個月", ("三個月",)),
    "年假 ＂三个月＂": ("年假 三个月", ("三个月",)),
    "年假 ｢三个月｣": ("年假 三个月", ("三个月",)),
    "「年假」、「病假」": ("年假、病假", ("年假", "病假")),
    "“年假”“病假”": ("年假病假", ("年假", "病假")),
    '"what is the policy"': ("what is the policy", ("what is the policy",)),
    "“社保”": ("社保", ("社保",)),
    '"E-1042" "LF 2301"': ("E-1042 LF 2301", ("E-1042", "LF 2301")),
    '" spaced out " leave': ("spaced out leave", ("spaced out",)),
    "+“社保”怎么交？": ("社保怎么交？", ("社保",)),
    '+"fishbowl" helmet, what is it?': ("fishbowl helmet, what is it?", ("fishbowl",)),
    '"-art" works': ("-art works", ("-art",)),
    '"title:x" y': ("title:x y", ("title:x",)),
    "how-to guide “zero trust”": ("how-to guide zero trust", ("zero trust",)),
}


@pytest.mark.parametrize("text", REQUIRED)
def test_a_phrase_among_search_terms_is_required(text: str) -> None:
    left, phrases = REQUIRED[text]
    found = parsed(text)
    assert (found.text, found.phrases, found.emphasised, found.excluded) == (left, phrases, (), ())
    assert [note.kind for note in found.notes] == ["phrase"] * len(phrases)


EMPHASISED = {
    "什么是“社保”？": ("社保",),
    "什麼是「勞保」": ("勞保",),
    "“速成”和“仓颉”有什么区别": ("速成", "仓颉"),
    "印度第三艘“歼敌者”级核潜艇下水的时间": ("歼敌者",),
    'HBO在新加坡"SCV"频道': ("SCV",),
    'What was originally on the spacesuits prior to the clear "fishbowl" helmet?': ("fishbowl",),
    'Why was the student group called "the Methodists?"': ("the Methodists",),
    'explain "zero trust" to me': ("zero trust",),
    "「寧做不滿的人類，不做滿足的豬玀。」這是誰的名言?": ("寧做不滿的人類，不做滿足的豬玀",),
    "合同规定“甲方”应当赔偿。": ("甲方",),
    "請問 「年假」 幾天": ("年假",),
    "年假 “三个月” 怎么算": ("三个月",),
    "「年次有給休暇」は何日ですか": ("年次有給休暇",),
}


@pytest.mark.parametrize("text", EMPHASISED)
def test_quotation_marks_in_a_sentence_emphasise_and_leave_it_as_it_is(text: str) -> None:
    found = parsed(text)
    assert (found.text, found.phrases, found.excluded, found.where) == (text, (), (), None)
    assert found.emphasised == EMPHASISED[text]
    assert {note.kind for note in found.notes} == {"emphasis"}


def test_a_long_quotation_is_not_required() -> None:
    short, long = "年" * MAX_PHRASE_CHARS, "年" * (MAX_PHRASE_CHARS + 1)
    assert parsed(f"“{short}”").phrases == (short,)
    assert parsed(f"“{long}”").emphasised == (long,)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("年假有多少天", True),
        ("請解釋年假", True),
        ("合同規定甲方應當賠償。", True),
        ("有給休暇は何日ですか", True),
        ("연차는 며칠인가요", True),
        ("leave policy, is it new?", True),
        ("Is leave paid", True),
        ("ways WHY leave is refused", True),
        ("The contract says that leave is paid.", True),
        ("請假", False),
        ("请示报告", False),
        ("年假 病假", False),
        ("几何 何首乌 哑铃", False),
        ("annual leave policy", False),
        ("Acme Inc.", False),
        ("how-to guide", False),
        ("somehow whatever", False),
        ("", False),
    ],
)
def test_sentences_are_told_from_search_terms(text: str, expected: bool) -> None:
    assert reads_as_sentence(text) is expected


def test_which_emphasised_phrases_stand_in_a_text() -> None:
    asked = parsed("“速成”和“倉頡”有什么区别")
    assert emphasised_in(asked, fold("仓颉输入法")) == ("倉頡",)
    assert emphasised_in(asked, fold("五笔")) == ()
    assert satisfies(asked, fold("五笔")), "emphasis demands nothing"


# -- exclusions ----------------------------------------------------------------------------------------

EXCLUDED = {
    "年假 -病假": ("年假", ("病假",)),
    "年假 －病假": ("年假", ("病假",)),
    "年假　－病假": ("年假", ("病假",)),
    "年假 −病假 天数": ("年假 天数", ("病假",)),
    "python -snake -Monty": ("python", ("snake", "Monty")),
    "-draft annual report": ("annual report", ("draft",)),
    'report -"first draft"': ("report", ("first draft",)),
    "报告 -“初稿”": ("报告", ("初稿",)),
    "报告 －「初稿」 终稿": ("报告 终稿", ("初稿",)),
    'report -"2024"': ("report", ("2024",)),
    'C++ -"Wall"': ("C++", ("Wall",)),
    "-“病假”": ("", ("病假",)),
    "report -first-draft, final": ("report final", ("first-draft",)),
    "how to cook rice -microwave": ("how to cook rice", ("microwave",)),
    "如何请年假 -病假": ("如何请年假", ("病假",)),
    "jaguar -car's": ("jaguar", ("car's",)),
    "café -thé": ("café", ("thé",)),
}


@pytest.mark.parametrize("text", EXCLUDED)
def test_a_minus_before_a_word_or_phrase_excludes(text: str) -> None:
    left, excluded = EXCLUDED[text]
    found = parsed(text)
    assert (found.text, found.excluded, found.phrases, found.where) == (left, excluded, (), None)
    assert [(note.kind, note.negated) for note in found.notes] == [("excluded", False)] * len(excluded)


# -- fields --------------------------------------------------------------------------------------------

FIELDS: dict[str, tuple[str, Filter]] = {
    "年假 source:hr": ("年假", Contains("source", "hr")),
    "年假 source:hr/": ("年假", Or((Prefix("source", "hr/"), Contains("source", "/hr/")))),
    "source:/srv/docs leave": ("leave", Prefix("source", "/srv/docs")),
    "source:https://example.com/hr leave": ("leave", Prefix("source", "https://example.com/hr")),
    "来源：人事/ 年假": ("年假", Or((Prefix("source", "人事/"), Contains("source", "/人事/")))),
    "來源：人事，年假几天": ("年假几天", Contains("source", "人事")),
    "年假，来源：人事，几天？": ("年假，几天？", Contains("source", "人事")),
    "年假几天 source:hr？": ("年假几天？", Contains("source", "hr")),
    'title:"annual leave" days': ("days", Contains("title", "annual leave")),
    "title:'annual leave' days": ("days", Contains("title", "annual leave")),
    "标题：“员工 手册” 年假": ("年假", Contains("title", "员工 手册")),
    "標題：「員工 手冊」 年假": ("年假", Contains("title", "員工 手冊")),
    "Title:手册 年假": ("年假", Contains("title", "手册")),
    "title:10:30 meeting": ("meeting", Contains("title", "10:30")),
    'title:"如何报销" 流程': ("流程", Contains("title", "如何报销")),
    "format:PDF leave": ("leave", Equals("format", "pdf")),
    "格式：.pdf 年假": ("年假", Equals("format", "pdf")),
    "type:md leave": ("leave", Or((Equals("format", "markdown"), Equals("format", "md")))),
    "类型：pdf 年假": ("年假", Equals("format", "pdf")),
    "format:pdf,csv leave": ("leave", Or((Equals("format", "pdf"), Equals("format", "csv")))),
    "label:hr leave": ("leave", AnyLabel(frozenset({"hr"}))),
    "标签：人事、财务 年假": ("年假", AnyLabel(frozenset({"人事", "财务"}))),
    "leave after:2025-01-01": ("leave", Range("modified", "2025-01-01")),
    "leave after:2025": ("leave", Range("modified", "2025")),
    "leave before:2025": ("leave", Range("modified", "0", "2025")),
    "之后：2025年3月1日 年假": ("年假", Range("modified", "2025-03-01")),
    "之前：2025/3 年假": ("年假", Range("modified", "0", "2025-03")),
    "date:2025-03 leave": ("leave", Range("modified", "2025-03", "2025-04")),
    "日期：今天 年假": ("年假", Range("modified", "2025-03-31")),
    "date:7d leave": ("leave", Range("modified", "2025-03-24")),
    "leave after:1m": ("leave", Range("modified", "2025-02-28")),
    "leave -source:drafts": ("leave", Not(Contains("source", "drafts"))),
    "年假 －来源：草稿": ("年假", Not(Contains("source", "草稿"))),
    "leave -format:pdf": ("leave", Not(Equals("format", "pdf"))),
    "source:a source:b x": ("x", Or((Contains("source", "a"), Contains("source", "b")))),
    "source:a format:pdf -label:old x": (
        "x",
        And((Contains("source", "a"), Equals("format", "pdf"), Not(AnyLabel(frozenset({"old"}))))),
    ),
    "after:2024 before:2025 x": ("x", And((Range("modified", "2024"), Range("modified", "0", "2025")))),
    "source:hr": ("", Contains("source", "hr")),
    "label:hr after:2025": ("", And((AnyLabel(frozenset({"hr"})), Range("modified", "2025")))),
}


@pytest.mark.parametrize("text", FIELDS)
def test_fields_become_a_filter(text: str) -> None:
    left, where = FIELDS[text]
    found = parsed(text)
    assert (found.text, found.where) == (left, where)
    assert (found.phrases, found.excluded, found.emphasised) == ((), (), ())


def test_everything_together_with_notes() -> None:
    found = parsed('年假 "三个月" -病假 来源：人事/ -格式：pdf after:2025')
    assert found.text == "年假 三个月"
    assert found.phrases == ("三个月",)
    assert found.excluded == ("病假",)
    assert found.notes == (
        Note("phrase", "三个月", '"三个月"'),
        Note("excluded", "病假", "-病假"),
        Note("source", "人事/", "来源：人事/"),
        Note("format", "pdf", "-格式：pdf", negated=True),
        Note("after", "2025", "after:2025"),
    )


def test_the_same_phrase_twice_is_one() -> None:
    assert parsed('"年假" x "年假" -y -y').phrases == ("年假",)
    assert parsed('"年假" x "年假" -yy -yy').excluded == ("yy",)


PARTS = st.sampled_from(
    [
        "年假",
        "annual leave",
        "？",
        "\n",
        " ",
        "　",
        '"',
        "“",
        "”",
        "「",
        "」",
        "-",
        "－",
        "+",
        "source:",
        "来源：",
        "title:",
        "hr/",
        "after:",
        "2025-03",
        "7d",
        "label:a,b",
        "格式：",
        "pdf",
        "--x",
        "什么",
        "how",
        "🙂",
        "'",
        "，",
        "C++ ",
        "\ud800",
    ]
)


@given(st.lists(PARTS, max_size=14).map("".join))
@settings(max_examples=400, deadline=None)
def test_whatever_is_typed_is_taken_apart_without_an_error(text: str) -> None:
    if "\ud800" in text:
        return  # doors replace half characters: nothing can fold them
    found = parsed(text)
    assert found == parsed(text)
    if not [note for note in found.notes if note.kind != "emphasis"]:
        assert found.text == text
        assert found.where is None
    assert {note.written for note in found.notes} <= {
        text[a:b] for a in range(len(text)) for b in range(a, len(text) + 1)
    }
    assert all(any(c.isalnum() for c in phrase) for phrase in (*found.phrases, *found.excluded, *found.emphasised))


# -- fields against an evaluator of their own ----------------------------------------------------------


@dataclass(frozen=True)
class Described:
    source: str
    title: str
    format: str
    modified: str
    labels: tuple[str, ...]


DOCUMENTS = st.builds(
    Described,
    source=st.sampled_from(
        ["/kb/人事/年假.md", "/kb/drafts/a.pdf", "drafts/b.txt", "https://x.cn/人事/", "/kb/HR/Leave.docx"]
    ),
    title=st.sampled_from(["年假制度", "年假規定", "Annual Leave", "", "ＡＮＮＵＡＬ"]),
    format=st.sampled_from(["markdown", "pdf", "text", "docx"]),
    modified=st.sampled_from(
        ["", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z", "2025-03-15T08:00:00Z", "2025-04-01T00:00:00Z"]
    ),
    labels=st.lists(st.sampled_from(["hr", "财务", "public"]), max_size=2, unique=True).map(tuple),
)
# What is typed, and whether it is true of a document, said in another way.
OPERATORS: dict[tuple[str, str], Callable[[Described], bool]] = {
    ("source", "source:人事"): lambda d: "人事" in d.source,
    ("source", "来源：drafts/"): lambda d: d.source.startswith("drafts/") or "/drafts/" in d.source,
    ("source", "source:/kb/"): lambda d: d.source[:4] == "/kb/",
    ("source", "source:hr"): lambda d: "hr" in d.source.lower(),
    ("title", "title:annual"): lambda d: d.title in ("Annual Leave", "ＡＮＮＵＡＬ"),
    ("title", "标题：年假规定"): lambda d: d.title == "年假規定",
    ("format", "format:md"): lambda d: d.format == "markdown",
    ("format", "格式：PDF"): lambda d: d.format == "pdf",
    ("label", "label:hr"): lambda d: "hr" in d.labels,
    ("label", "标签：财务,public"): lambda d: "财务" in d.labels or "public" in d.labels,
    ("after", "after:2025-01"): lambda d: d.modified >= "2025-01",
    ("after", "之后：2025年3月15日"): lambda d: d.modified[:10] >= "2025-03-15",
    ("before", "before:2025"): lambda d: d.modified[:4] == "2024",
    ("before", "之前：2025-04-01"): lambda d: d.modified != "" and d.modified[:10] < "2025-04-01",
    ("date", "date:2025-03"): lambda d: d.modified[:7] == "2025-03",
    ("date", "日期：2024"): lambda d: d.modified[:4] == "2024",
}


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.booleans()), min_size=1, max_size=5), DOCUMENTS)
@settings(max_examples=500, deadline=None)
def test_fields_mean_what_an_evaluator_of_their_own_says(
    typed: list[tuple[tuple[str, str], bool]], document: Described
) -> None:
    found = parsed(" ".join(["年假", *(("-" if negated else "") + text for (_, text), negated in typed)]))
    assert found.text == "年假"
    truths: dict[str, list[bool]] = {}
    for (field, text), negated in typed:
        true = OPERATORS[field, text](document)
        if negated:
            truths[f"not {text}"] = [not true]
        else:
            truths.setdefault(field, []).append(true)
    assert found.where is not None
    assert matches(found.where, document) == all(any(some) for some in truths.values())


# -- phrases in a text ---------------------------------------------------------------------------------

SATISFIED = [
    ('"年假"', "带薪年假五天", True),
    ('"年假"', "年\n 假", True),
    ('"年假"', "年，假", False),
    ("「員工年假」", "员工 年假制度", True),
    ('"annual leave"', "ANNUAL\n  LEAVE policy", True),
    ('"annual leave"', "annual sick leave", False),
    ('"annual leave"', "biannual leave", False),
    ('"annual leave"', "annual leaves", False),
    ('"ＡＮＮＵＡＬ　leave"', "annual leave", True),
    ('"IT"', "由IT部门开通", True),
    ('"IT 部门"', "由IT部门开通", True),
    ('"IT部门"', "由 IT 部门开通", True),
    ('"IT"', "with it's", True),
    ('"IT"', "items", False),
    ('"C++"', "C++11 and C", True),
    ('"C#"', "C# 语言", True),
    ('".NET"', "ASP.NET", True),
    ('"foo"', "foo_bar", True),
    ('"2025"', "12025", False),
    ('"2025"', "于2025年", True),
    ('"café"', "cafés", False),
    ('"นโยบาย"', "อ่านนโยบายการลา", True),
    ('"年假" "病假"', "年假和病假", True),
    ('"年假" "病假"', "年假", False),
    ("年假 -病假", "年假与病 假", False),
    ("年假 -病假", "年假", True),
    ("works -art", "party", True),
    ("works -art", "the art of", False),
    ('works -"modern art"', "modern  art", False),
    ('works -"modern art"', "postmodern art", True),
]


@pytest.mark.parametrize("question, text, expected", SATISFIED)
def test_what_satisfies_a_question(question: str, text: str, expected: bool) -> None:
    assert satisfies(parsed(question), fold(text)) is expected


def _is_cjk(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA LETTER", "HANGUL SYLLABLE"))


def _slowly_compared(folded: str) -> list[str]:
    found: list[str] = []
    for at, character in enumerate(folded):
        if not character.isspace():
            found.append(character)
            continue
        before = folded[:at].rstrip()[-1:]
        after = folded[at:].lstrip()[:1]
        if not _is_cjk(before or " ") and not _is_cjk(after or " ") and found[-1:] != [" "]:
            found.append(" ")
    return found


def _word_numbers(text: list[str]) -> list[int]:
    """For each character the number of the word of letters and figures that it is in; another for each other one."""
    numbers: list[int] = []
    for at, character in enumerate(text):
        of_word = (character.isalpha() or character.isdigit()) and not _is_cjk(character)
        goes_on = of_word and at > 0 and numbers[-1] % 2 == 1
        numbers.append(numbers[-1] if goes_on else 2 * at + of_word)
    return numbers


def slowly_stands_in(phrase: str, folded: str) -> bool:
    text = _slowly_compared(folded)
    wanted = list("".join(_slowly_compared(fold(phrase))).strip())
    numbers = _word_numbers(text)
    for at in range(len(text) - len(wanted) + 1):
        end = at + len(wanted)
        cuts_a_word = (at > 0 and numbers[at - 1] == numbers[at]) or (
            end < len(text) and numbers[end - 1] == numbers[end]
        )
        if text[at:end] == wanted and not cuts_a_word:
            return True
    return False


LETTERS = st.sampled_from(list("年假年假病a b ar tp ARＡé1２_-.,，。 \n　繁體かカ한'"))
TEXTS = st.text(LETTERS, max_size=24)
PHRASES = st.text(LETTERS, min_size=1, max_size=4).filter(lambda t: any(c.isalnum() for c in t))


@given(st.lists(PHRASES, max_size=2), st.lists(PHRASES, max_size=2), TEXTS)
@settings(max_examples=1500, deadline=None)
def test_satisfies_means_what_the_slow_way_says(phrases: list[str], excluded: list[str], text: str) -> None:
    asked = AskedQuestion("", phrases=tuple(phrases), excluded=tuple(excluded))
    folded = fold(text)
    expected = all(slowly_stands_in(p, folded) for p in phrases) and not any(
        slowly_stands_in(p, folded) for p in excluded
    )
    assert satisfies(asked, folded) is expected


@given(TEXTS, st.data())
@settings(max_examples=500, deadline=None)
def test_a_piece_of_a_text_between_spaces_stands_in_it(text: str, data: st.DataObject) -> None:
    pieces = [piece for piece in fold(text).split() if any(c.isalnum() for c in piece)]
    if not pieces:
        return
    first = data.draw(st.integers(0, len(pieces) - 1))
    last = data.draw(st.integers(first, len(pieces) - 1))
    folded = fold(text)
    begin = folded.index(pieces[first])
    phrase = folded[begin : folded.index(pieces[last], begin) + len(pieces[last])]
    if begin == 0 or folded[begin - 1].isspace():
        end = begin + len(phrase)
        if end == len(folded) or folded[end].isspace():
            assert satisfies(AskedQuestion("", phrases=(phrase,)), folded)


# -- what an index may demand --------------------------------------------------------------------------


def test_necessary_terms_are_stems_without_function_words() -> None:
    assert necessary_terms(parsed('"the running of machines" "年假 policy"')) == ("run", "machin", "polici")
    assert necessary_terms(parsed('"to be or the"')) == ()
    assert necessary_terms(parsed('"年假"')) == (), "a text may have a line break between the two"
    assert necessary_terms(parsed("no phrase -excluded")) == ()
    assert necessary_characters(parsed('"員工 IT 年年"')) == ("员", "工", "年")


def test_terms_that_languages_stem_differently_are_not_demanded() -> None:
    asked = parsed('"Maschinen E-1042"')
    assert words(fold("Maschinen"), "de") != words(fold("Maschinen"), "en")
    assert necessary_terms(asked, ("en", "de")) == ("e", "1042")
    assert necessary_terms(asked, ("de",)) == (*words(fold("Maschinen"), "de"), "e", "1042")


WORDS = st.sampled_from(
    [
        "年假",
        "年 假",
        "規定",
        "policy",
        "policies",
        "the",
        "to",
        "be",
        "IT",
        "E-1042",
        "Müller",
        "foo_bar",
        "C++",
        "นโยบาย",
        "の",
        "한국어",
        "كِتاب",
        "שָׁלוֹם",
        "हिन्दी",
        "１０",
        " ",
        "\n",
        "，",
        "。",
        "-",
        "x",
        "s",
    ]
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=9).flatmap(
    lambda parts: st.lists(st.sampled_from(["", " ", "  ", "\n"]), min_size=len(parts), max_size=len(parts)).map(
        lambda joints: "".join(part + joint for part, joint in zip(parts, joints, strict=True))
    )
)


@given(SENTENCES, st.data(), st.sampled_from(["en", "de", "ar", "hi", ""]))
@settings(max_examples=2000, deadline=None)
def test_whatever_satisfies_has_the_necessary_terms(text: str, data: st.DataObject, language: str) -> None:
    begin = data.draw(st.integers(0, len(text) - 1))
    phrase = text[begin : data.draw(st.integers(begin + 1, len(text)))]
    asked = AskedQuestion("", phrases=(phrase,))
    folded = fold(text)
    if satisfies(asked, folded):
        assert set(necessary_terms(asked, ("en", language))) <= set(words(folded, language))
        assert set(necessary_terms(asked, (language,))) <= set(words(folded, language))
        assert set(necessary_characters(asked)) <= set(characters(folded))


@pytest.mark.parametrize("text", ["after:2025-13 leave", "年假 之前：2025年2月30日", "date:2025-02-30"])
def test_a_date_that_is_none_is_text_and_is_named(text: str) -> None:
    asked = parse_question(text, NOW)
    assert asked.where is None
    assert asked.text == text
    assert len(asked.no_dates) == 1
    assert parse_question("after:2025-03 leave date:10", NOW).no_dates == ()


def test_a_word_after_a_quoted_phrase_can_be_excluded_in_a_question() -> None:
    asked = parse_question('what is "annual leave" -draft', NOW)
    assert (asked.emphasised, asked.excluded) == (("annual leave",), ("draft",))
