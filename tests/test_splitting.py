"""Structure within text: articles, questions, logs, lists; and every strategy through one conformance test."""

import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.documents.formats.text import TextLoader
from qianxun.documents.split import STRATEGIES, split, tokens
from qianxun.documents.splitting.labels import labels_of, number_of
from qianxun.documents.splitting.logs import begins_record, is_log, log_lines, record_spans
from qianxun.documents.splitting.pieces import packed, pieces_of
from qianxun.documents.splitting.sizes import ESTIMATE, Measure, tokens_by_patterns
from qianxun.documents.splitting.structure import MAX_BLOCKS_AHEAD, marked
from qianxun.files import RawFile
from qianxun.records import Block, Part, RawDocument
from qianxun.settings import ReadingSettings, SplittingSettings

SMALL = SplittingSettings(max_tokens=60)


def chunks_of(*blocks: Block, settings: SplittingSettings = SMALL) -> list[tuple[str, str]]:
    return [(part.contexts[i], part.text_of(i)) for part in split(blocks, settings) for i in range(len(part.chunks))]


def texts_of(*blocks: Block, settings: SplittingSettings = SMALL) -> list[str]:
    return [text for _, text in chunks_of(*blocks, settings=settings)]


def paragraph(text: str) -> Block:
    return Block("paragraph", text)


def read(folder: Path, text: str, name: str = "文档.txt") -> list[Block]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    (document,) = TextLoader().load(RawFile.on_disk(path), ReadingSettings())
    assert isinstance(document, RawDocument)
    return list(document.blocks)


# Articles

LAW = [
    "第一条　为了规范登记，制定本办法。",
    "第二条　登记由主管部门负责。",
    "第三条　申请人应当提交下列材料：",
    "（一）申请书；",
    "（二）身份证明。",
    "第四条　违反第二条规定的，处五千元罚款。",
]


def test_each_article_is_a_chunk_with_its_paragraphs() -> None:
    assert texts_of(*map(paragraph, LAW)) == [
        LAW[0],
        LAW[1],
        "\n\n".join(LAW[2:5]),
        LAW[5],
    ]


def test_articles_in_the_lines_of_one_paragraph_are_found() -> None:
    assert texts_of(paragraph("\n".join(LAW))) == [LAW[0], LAW[1], "\n".join(LAW[2:5]), LAW[5]]


def test_articles_glued_into_one_line_are_found() -> None:
    assert texts_of(paragraph("".join(LAW))) == [LAW[0], LAW[1], "".join(LAW[2:5]), LAW[5]]


@pytest.mark.parametrize(
    "lines",
    [
        ["第１２条　甲方应当付款。", "第１３条　乙方应当交货。", "第１４条　本合同一式两份。"],
        ["第一百二十三條 甲方應當付款。", "第一百二十四條 乙方應當交貨。", "第一百二十四條之一 逾期者加計利息。"],
        ["第九条【保密】甲方不得泄露。", "第十条（违约）按日计算。", "第十一条【附则】本协议生效。"],
        ["第九条甲方不得泄露。", "第十条乙方不得转让。", "第十一条本协议生效。"],
        ["Article 1. The parties agree.", "Article 2. The seller delivers.", "Article 3. The buyer pays."],
        ["ARTICLE IX The parties agree.", "ARTICLE X The seller delivers.", "ARTICLE XI The buyer pays."],
        ["Section 3.2 Delivery takes ten days.", "Section 3.3 Payment is due.", "Section 4 Notices are given."],
        ["§ 5 Fees are public.", "§ 5a They are paid early.", "§ 6 Refunds take a week."],
        ["Article 5 双方同意 by 2025.", "Article 6 卖方交货。", "Article 7 买方付款。"],
    ],
)
def test_labels_in_every_writing(lines: list[str]) -> None:
    assert texts_of(*map(paragraph, lines)) == lines
    assert texts_of(paragraph("\n".join(lines))) == lines


@pytest.mark.parametrize(
    "lines",
    [
        ["第一条　只有一条。", "后面没有了。", "完。"],
        ["第五条规定了期限。", "第六条的处罚较轻。", "第七条、第八条不适用。"],
        ["第三条　甲。", "第二条　乙。", "第一条　丙。"],  # descending: somebody lists them
        ["Section 3 of the Act applies.", "Section 4 of the Act does not.", "Section 5 of the Act is new."],
        ["Article 5 and others.", "Article 6 and others.", "Article 7 and others."],
        ["第一次会议。", "第二次会议。", "第三次会議。"],
    ],
)
def test_what_is_only_spoken_of_is_no_article(lines: list[str]) -> None:
    assert texts_of(*map(paragraph, lines)) == ["\n\n".join(lines)]


def test_chapters_of_plain_paragraphs_become_the_heading_path() -> None:
    blocks = map(paragraph, ["总 办法", "第一章　总则", *LAW[:3], "第二章　罰則", "第一节 一般规定", LAW[5]])
    found = chunks_of(*blocks)
    assert found[0] == ("", "总 办法")
    assert found[1:3] == [("第一章　总则", LAW[0]), ("第一章　总则", LAW[1])]
    assert found[-1] == ("第二章　罰則 › 第一节 一般规定", LAW[5])


def test_chapters_without_articles_stay_text() -> None:
    assert chunks_of(paragraph("第一章　总则"), paragraph("这里没有条文。")) == [("", "第一章　总则\n\n这里没有条文。")]


def test_a_long_article_repeats_its_label() -> None:
    long = "第二条【期限】" + "".join(f"期限{n}应当在十日之内届满并且公布。" for n in "甲乙丙丁戊己庚辛")
    found = chunks_of(paragraph(LAW[0]), paragraph(long), paragraph("第三条　其他。"))
    assert [context for context, _ in found] == ["", "", "第二条【期限】", "第二条【期限】", ""]
    assert found[1][1].startswith("第二条【期限】期限甲")
    (part,) = split([paragraph(LAW[0]), paragraph(long), paragraph("第三条　其他。")], SMALL)
    (span,) = part.chunks[2].headings
    assert part.text[span.start : span.end] == "第二条【期限】"


def test_an_article_ends_the_heading_that_the_article_before_it_was() -> None:
    blocks = [
        Block("heading", "第一章 总则", level=2),
        Block("heading", "第一条 目的", level=4),
        paragraph("规范登记。"),
        paragraph("第二条　登记由主管部门负责。"),
        Block("heading", "第三条 略", level=4),
        paragraph("第四条　本办法生效。"),
    ]
    assert chunks_of(*blocks) == [
        ("第一章 总则 › 第一条 目的", "规范登记。"),
        ("第一章 总则", "第二条　登记由主管部门负责。"),
        ("第一章 总则", "第三条 略"),
        ("第一章 总则", "第四条　本办法生效。"),
    ]


def test_a_title_behind_the_label_belongs_to_it() -> None:
    long = "".join(f"第{n}点说明应当在十日之内提交并且公布。" for n in "甲乙丙丁戊己庚辛")
    found = chunks_of(*map(paragraph, ["第一条 目的", "甲。", "第二条 适用範圍", long, "第三条 其他", "乙。"]))
    assert [context for context, _ in found] == ["", "", *["第二条 适用範圍"] * (len(found) - 3), ""]
    assert found[1][1].startswith("第二条 适用範圍\n\n第甲点")


def test_articles_in_a_text_file(tmp_path: Path) -> None:
    text = "办法\n\n第一章　总则\n" + "\n".join(LAW[:3]) + "\n" + "\n".join(LAW[3:]) + "\n"
    found = chunks_of(*read(tmp_path, text))
    assert [text for _, text in found][1:] == [LAW[0], LAW[1], "\n".join(LAW[2:5]), LAW[5]]
    assert {context for context, _ in found[1:]} == {"第一章 总则"}


@pytest.mark.parametrize(
    "text, number",
    [
        ("一", 1), ("十", 10), ("十二", 12), ("二十", 20), ("一百零三", 103), ("一百二十三", 123),
        ("一千二百六十", 1260),
        ("一二三", 123), ("二〇", 20), ("两百", 200), ("12", 12), ("１２", 12), ("XIV", 14), ("IX", 9), ("C", 100),
    ],
)  # fmt: skip
def test_numerals(text: str, number: int) -> None:
    assert number_of(text) == number


# Questions

ZH_PAIR = ("问：年假有几天？", "答：每年五天，入职满一年后享有。")
EN_PAIR = ("Q: How many days of leave are there?", "A: Five days a year, after the first year.")


@pytest.mark.parametrize(
    "pairs",
    [
        [ZH_PAIR, ("问：病假怎么请？", "答：凭证明在系统里提交。")],
        [("問：年假有幾天？", "答：每年五天。"), ("問：病假怎麼請？", "答：憑證明提交。")],
        [EN_PAIR, ("Q: How is sick leave taken?", "A: Hand in a certificate.")],
        [("Q1. 年假有几天？", "A1. 五天 per year。"), ("Q2. 病假呢？", "A2. 凭证明。")],
        [("问题１：年假有几天？", "回答：五天。"), ("问题２：病假呢？", "回答：凭证明。")],
        [("【问】年假有几天？", "【答】五天。"), ("【问】病假呢？", "【答】凭证明。")],
    ],
)
def test_question_and_answer_are_one_chunk(pairs: list[tuple[str, str]]) -> None:
    lines = [line for pair in pairs for line in pair]
    assert texts_of(paragraph("前言。"), *map(paragraph, lines)) == ["前言。", *map("\n\n".join, pairs)]
    assert texts_of(paragraph("\n".join(lines))) == ["\n".join(pair) for pair in pairs]


def test_question_and_answer_on_one_line_are_one_chunk() -> None:
    text = "问：几点上班？答：九点。问：几点下班？答：六点。"
    assert texts_of(paragraph(text)) == ["问：几点上班？答：九点。", "问：几点下班？答：六点。"]


def test_a_question_is_never_cut_from_its_answer() -> None:
    answer = "答：" + "".join(f"情形{n}应当在十日之内提出申请并附上证明。" for n in "甲乙丙丁戊己庚辛")
    for blocks in ([ZH_PAIR[0], answer], ["\n".join([ZH_PAIR[0], answer])]):
        found = chunks_of(*map(paragraph, [*blocks, "问：病假呢？", "答：凭证明。"]))
        assert found[0][0] == ""
        assert found[0][1].startswith(ZH_PAIR[0])
        assert "答：情形甲" in found[0][1]
        assert len(found) > 3
        assert {context for context, _ in found[1:-1]} == {ZH_PAIR[0]}
        assert found[-1] == ("", "\n\n".join(["问：病假呢？", "答：凭证明。"]))


def test_an_answer_that_fits_alone_still_goes_with_its_question() -> None:
    # 16 + 56 tokens do not fit into 60, the answer alone would.
    question = "问：在什么情形之下可以申请延期办理？"
    answer = "答：" + "".join(f"情形{n}应当在十日内提出。" for n in "甲乙丙丁戊")
    found = chunks_of(paragraph(question), paragraph(answer), paragraph("问：病假呢？"), paragraph("答：凭证明。"))
    assert tokens(answer) <= 60 < tokens(question) + tokens(answer)
    assert found[0][1].startswith(f"{question}\n\n答：情形甲")
    assert found[1][0] == question


def test_questions_without_answers_stay_text() -> None:
    lines = ["问：年假有几天？", "问：病假怎么请？", "问：几点上班？"]
    assert texts_of(*map(paragraph, lines)) == ["\n\n".join(lines)]
    assert texts_of(paragraph("A. 第一项"), paragraph("B. 第二项"), paragraph("Q4 results rose.")) == [
        "A. 第一项\n\nB. 第二项\n\nQ4 results rose."
    ]


def test_numbered_questions_with_answers() -> None:
    pairs = ["1. 如何申请年假？在系统里提交。", "2、 病假要證明嗎？ 要。", "3. Who approves? The head of the team."]
    assert texts_of(*map(paragraph, pairs)) == pairs
    asked_only = ["1. 如何申请年假？", "2. 病假要证明吗？", "3. Who approves?"]
    assert texts_of(*map(paragraph, asked_only)) == ["\n\n".join(asked_only)]


def test_a_question_as_heading_is_context_of_its_answer() -> None:
    assert chunks_of(Block("heading", "如何申请年假？", level=2), paragraph("在系统里提交。")) == [
        ("如何申请年假？", "在系统里提交。")
    ]


# Lists and what announces them


def test_a_line_that_announces_a_list_goes_with_it() -> None:
    items = "\n".join(f"- 第{n}项材料若干份 item" for n in "甲乙丙丁")
    before = "公司规定每位员工每年享有五天带薪年假，入职满一年之后方可申请。"
    assert texts_of(paragraph(before), paragraph("材料如下："), Block("list", items)) == [
        before,
        f"材料如下：\n\n{items}",
    ]


def test_lists_and_code_are_whole_while_they_fit() -> None:
    before = paragraph("公司规定每位员工每年享有五天带薪年假，入职满一年之后方可申请。")
    items = Block("list", "\n".join(f"- 第{n}项 item one two" for n in "甲乙丙丁戊己"))
    code = Block("code", "\n".join(f"value_{n} = compute(option)" for n in range(9)))
    assert texts_of(before, items, code) == [before.text, items.text, code.text]


# Logs

LOGS = {
    "iso": ("2025-03-01T10:00:03.120Z INFO start", "2025-03-01 10:00:03"),
    "python": ("2025-03-01 10:00:03,120 - 服务 - ERROR - failed", "2025-03-01 10:00:03"),
    "logback": ("10:00:03.120 [main] WARN  c.e.Foo - slow", "10:00:03"),
    "log4j": ("[2025-03-01 10:00:03,120] FATAL down", "2025-03-01 10:00:03"),
    "nginx": ("2025/03/01 10:00:03 [error] 12#0: *3 refused", "2025-03-01 10:00:03"),
    "access": ('10.0.0.7 - - [01/Mar/2025:10:00:03 +0800] "GET /a HTTP/1.1" 502 157', "2025-03-01 10:00:03"),
    "syslog": ("Mar  1 10:00:03 host sshd[7]: closed", "03-01 10:00:03"),
    "apache": ("[Sat Mar 01 10:00:03.123456 2025] [core:error] refused", "2025-03-01 10:00:03"),
    "java": ("Mar 01, 2025 10:00:03 PM org.example.Main run", "2025-03-01 22:00:03"),
    "glog": ("E0301 10:00:03.123456  1234 file.cc:10] bad", "03-01 10:00:03"),
    "json": ('{"level":"error","time":"2025-03-01T10:00:03Z","msg":"坏"}', "2025-03-01 10:00:03"),
    "chinese": ("2025年3月1日 10时00分03秒 【错误】连接失败", "2025-03-01 10:00:03"),
    "traditional": ("2025年03月01日 10:00:03【錯誤】連線失敗", "2025-03-01 10:00:03"),
}
LEVELS = {"python": "ERROR 3", "logback": "WARN 3", "log4j": "FATAL 3", "nginx": "ERROR 3", "access": "5xx 3",
          "apache": "ERROR 3", "glog": "ERROR 3", "json": "ERROR 3", "chinese": "ERROR 3",
          "traditional": "ERROR 3"}  # fmt: skip


@pytest.mark.parametrize("kind", LOGS)
def test_times_and_levels_of_every_kind_of_log(kind: str) -> None:
    line, time = LOGS[kind]
    lines = log_lines("\n".join([line] * 3), known=False, least_share=0.5)
    assert lines is not None
    assert lines.begins == (True,) * 3
    assert lines.location == ", ".join([time, *([LEVELS[kind]] if kind in LEVELS else [])])


def log(n: int, *, stack: int = 0) -> Iterator[str]:
    for i in range(n):
        level = "ERROR" if i % 10 == 9 else "WARN" if i % 5 == 2 else "INFO"
        yield f"2025-03-01 10:{i // 60:02}:{i % 60:02} {level} 请求 {i} done"
        if level == "ERROR":
            yield from (f"    at com.example.Step{j}(Step.java:{j})" for j in range(stack))


def test_chunks_of_a_log_name_time_and_trouble(tmp_path: Path) -> None:
    blocks = read(tmp_path, "\n".join(log(40)), "服务.log")
    (part,) = split(blocks, SplittingSettings(max_tokens=120))
    places = [chunk.location for chunk in part.chunks]
    assert len(places) > 3
    assert places[0] is not None
    assert places[0].startswith("2025-03-01 10:00:00–10:00:")
    times, graves = zip(*((place or "").split(", ", 1) for place in places), strict=True)
    assert sum(int(word[6:]) for grave in graves for word in grave.split(", ") if word.startswith("ERROR")) == 4
    assert sum(int(word[5:]) for grave in graves for word in grave.split(", ") if word.startswith("WARN")) == 8
    for i, chunk in enumerate(part.chunks):
        text = part.text_of(i)
        assert text.startswith("2025-03-01 ")
        assert times[i] == f"{text[:19]}–{text.split(chr(10))[-1][11:19]}"
        assert chunk.headings == ()


def test_a_stack_trace_belongs_to_its_record(tmp_path: Path) -> None:
    blocks = read(tmp_path, "\n".join(log(40, stack=4)), "服务.log")
    for text in texts_of(*blocks, settings=SplittingSettings(max_tokens=120)):
        assert text.startswith("2025-03-01")
        for after in itertools.islice(text.split(" ERROR "), 1, None):
            assert after.count("    at ") == 4


def test_a_record_too_long_for_a_chunk_repeats_its_first_line(tmp_path: Path) -> None:
    blocks = read(tmp_path, "\n".join(log(12, stack=60)), "服务.log")
    found = chunks_of(*blocks, settings=SplittingSettings(max_tokens=120))
    within = [(context, text) for context, text in found if not text.startswith("2025")]
    assert len(within) > 3
    assert {context for context, _ in within} == {"2025-03-01 10:00:09 ERROR 请求 9 done"}


def test_records_are_not_cut_where_a_large_log_is_read_in_blocks(tmp_path: Path) -> None:
    text = "\n".join(log(2000, stack=10))
    blocks = read(tmp_path, text, "服务.log")
    assert len(blocks) > 10
    assert all(begins_record(block.text.split("\n")[0]) for block in blocks)
    assert "\n".join(block.text for block in blocks) == text


@pytest.mark.parametrize(
    "lines",
    [
        ["def f():", "    return 1", "", "x = f()"],
        ["2025-03-01 会议纪要", "出席：张三", "2025-03-02 会议纪要"],
        ["10:00 开会", "11:00 散会"],
        ["Error: not found", "Try again", "Information follows"],
    ],
)
def test_what_is_no_log(lines: list[str]) -> None:
    assert not is_log(lines)
    assert [item.records for item in marked([Block("code", "\n".join(lines))])] == [None]


def test_record_spans_cover_every_line() -> None:
    text = "banner\n\n" + "\n".join(log(12, stack=2)) + "\n\n"
    lines = log_lines(text, known=False, least_share=0.0)
    assert lines is not None
    spans = record_spans(text, lines)
    assert text[slice(*spans[0])] == "banner"
    assert len(spans) == 13
    assert "".join(text[start:end] for start, end in spans).replace("\n", "") == text.replace("\n", "")


# Reading ahead


def test_a_bounded_number_of_blocks_is_read_ahead() -> None:
    taken = 0

    def blocks() -> Iterator[Block]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield paragraph("第七条　只有这一条，后面再没有别的。" if taken == 3 else "普通的一段话 plain text。")

    passed = marked(blocks())
    for _ in range(3):
        next(passed)
    assert taken <= MAX_BLOCKS_AHEAD + 3


def test_memory_does_not_grow_with_a_long_law() -> None:
    def blocks() -> Iterator[Block]:
        for n in range(1, 30_000):
            yield paragraph(f"第{n}条　登记由主管部门负责，应当在{n}日内办理完毕。")

    n_chunks = 0
    tracemalloc.start()
    for part in split(blocks(), SMALL):
        n_chunks += len(part.chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_chunks == 29_999
    assert peak < 8_000_000


# Every strategy

words = st.sampled_from(
    [
        "年假", "五天。", "按照规定，", "Mr. Li said so. ", "leave ", "3.14 ", "\n", "“好。”", "- item\n",
        "x" * 30, "🙂",
        "\t", "| a | b |\n", "………", "e\u0301", "第一条　", "\n第二条　", "第三條 ",
        "Article 4. ", "\n问：", "\n答：", "？", "Q: ",
        "\nA: ", "\n2025-03-01 10:00:03 ERROR ", "\n10:00:04 ", "如下：", "第二章 罰則\n", "１２，", "\n1. 何時？",
    ]
)  # fmt: skip
texts = st.lists(words, min_size=0, max_size=60).map("".join)
blocks_strategy = st.lists(
    st.one_of(
        st.builds(lambda t, level: Block("heading", t[:60], level=level), texts, st.integers(1, 4)),
        st.builds(
            lambda kind, t, n: Block(kind, t, header_lines=n if kind == "table" else 0, page=n + 1),
            st.sampled_from(["paragraph", "list", "table", "code"]),
            texts,
            st.integers(0, 3),
        ),
    ),
    max_size=14,
)


def assert_holds_together(
    parts: list[Part], chosen: SplittingSettings, measure: Measure = ESTIMATE, *, above: int = 0
) -> None:
    document = "".join(part.text for part in parts)
    offset, ordinal, covered, last_start = 0, 0, set(), -1
    for part in parts:
        assert part.start == offset
        assert len(part.chunks) == len(part.contexts)
        for i, chunk in enumerate(part.chunks):
            assert chunk.ordinal == ordinal
            ordinal += 1
            assert part.start <= chunk.span.start < chunk.span.end <= part.start + len(part.text)
            assert chunk.span.start > last_start
            last_start = chunk.span.start
            text = part.text_of(i)
            assert text == document[chunk.span.start : chunk.span.end]
            assert measure.tokens(text) <= chosen.max_tokens + above
            headings = " › ".join(document[s.start : s.end] for s in chunk.headings)
            header = document[chunk.header.start : chunk.header.end] if chunk.header else ""
            assert part.contexts[i] == "\n".join(filter(None, (headings, header)))
            assert all(s.end <= chunk.span.start for s in chunk.context)
            covered.update(range(chunk.span.start, chunk.span.end))
            for span in chunk.headings:
                covered.update(range(span.start, span.end))
        offset += len(part.text)
    assert [document[i] for i in range(len(document)) if i not in covered and not document[i].isspace()] == []


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=120, deadline=None)
@given(
    blocks_strategy, st.integers(32, 120), st.integers(20, 400), st.integers(0, 2), st.sampled_from([0, 1, 20, 1000])
)
def test_every_strategy_covers_the_text_in_order_and_within_the_budget(
    strategy: str, blocks: list[Block], most: int, part_chars: int, overlap: int, overlap_tokens: int
) -> None:
    chosen = SplittingSettings(
        strategy=strategy,  # type: ignore[arg-type]
        max_tokens=most,
        overlap_sentences=overlap,
        overlap_tokens=overlap_tokens,
    )
    parts = list(split(blocks, chosen, part_chars=part_chars))
    assert_holds_together(parts, chosen)
    # How the text is handed on changes nothing of it, and no strategy loses or adds a character.
    document = "".join(part.text for part in parts)
    assert document == "".join(part.text for part in split(blocks, chosen))
    plain = SplittingSettings(strategy="fixed")
    assert "".join(document.split()) == "".join("".join(part.text for part in split(blocks, plain)).split())


def test_every_strategy_can_be_chosen() -> None:
    assert set(get_args(get_type_hints(SplittingSettings)["strategy"])) == set(STRATEGIES)


def test_strategies_differ_in_what_they_keep_together() -> None:
    blocks = [
        Block("heading", "制度", level=1),
        paragraph("年假五天。病假另算。"),
        paragraph("Sick leave is separate."),
    ]

    def found(strategy: str, most: int) -> list[tuple[str, str]]:
        return chunks_of(*blocks, settings=SplittingSettings(strategy=strategy, max_tokens=most))  # type: ignore[arg-type]

    assert found("structure", 40) == [("制度", "年假五天。病假另算。\n\nSick leave is separate.")]
    assert found("paragraphs", 40) == [("", "制度\n\n年假五天。病假另算。\n\nSick leave is separate.")]
    long = [paragraph("年假五天。" * 9 + "病假另算。" * 9)]
    sentences = texts_of(*long, settings=SplittingSettings(strategy="sentences", max_tokens=40))
    assert sentences[0] == "年假五天。" * 9
    fixed = texts_of(*long, settings=SplittingSettings(strategy="fixed", max_tokens=39))
    assert fixed[0] == ("年假五天。" * 9 + "病假另算。")[: fixed[0].__len__()]
    assert tokens(fixed[0]) >= 37


def test_fixed_windows_repeat_tokens_and_sentences_repeat_sentences() -> None:
    numbered = "".join(f"第{n}句话说的是这件事情本身。" for n in "甲乙丙丁戊己庚辛壬癸")
    windows = texts_of(
        paragraph(numbered), settings=SplittingSettings(strategy="fixed", max_tokens=40, overlap_tokens=10)
    )
    for before, after in itertools.pairwise(windows):
        shared = next(n for n in range(len(after), -1, -1) if before.endswith(after[:n]))
        assert 8 <= tokens(after[:shared]) <= 11
    found = texts_of(
        paragraph(numbered), settings=SplittingSettings(strategy="sentences", max_tokens=40, overlap_sentences=1)
    )
    assert len(found) > 3
    for before, after in itertools.pairwise(found):
        assert after.startswith(before[before.rindex("第") :])


@given(st.lists(words, min_size=1, max_size=80).map("".join), st.integers(5, 60))
def test_pieces_never_exceed_the_budget(text: str, budget: int) -> None:
    at = 0
    for start, end, cost in pieces_of(text, "paragraph", budget, ESTIMATE):
        assert at <= start < end
        assert text[at:start].strip() == ""
        assert cost == tokens(text[start:end])
        assert cost <= budget or end - start == 1
        at = end
    assert text[at:].strip() == ""


@given(texts)
def test_labels_lie_in_their_text_and_in_order(text: str) -> None:
    labels = labels_of(text.strip()) if text.strip() else ()
    starts = [label.start for label in labels]
    assert starts == sorted(set(starts))
    assert all(label.start < label.end <= len(text.strip()) for label in labels)


@given(st.lists(words, max_size=30).map("".join), st.lists(words, max_size=10).map("".join))
def test_tokens_never_fall_as_a_text_grows(text: str, more: str) -> None:
    assert tokens(text) <= tokens(text + more) + 1e-9


@given(st.lists(words, max_size=30).map("".join))
def test_counted_bytes_are_the_tokens_of_the_patterns(text: str) -> None:
    assert tokens(text) == pytest.approx(tokens_by_patterns(text))


@given(
    st.lists(words | st.sampled_from(["カタカナ", "①", "é", "１２", "。", "々", "《民法》"]), max_size=30).map("".join),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_counted_bytes_of_spans_are_the_tokens_of_the_patterns(text: str, ends: list[int]) -> None:
    ends = sorted(min(end, len(text)) for end in ends)
    spans = list(itertools.pairwise(ends))
    expected = [tokens_by_patterns(text[start:end]) for start, end in spans]
    assert ESTIMATE.of_spans(text, spans) == pytest.approx(expected)


def test_counted_bytes_are_right_for_every_character() -> None:
    texts = (f"年{chr(code) * 9}x" for code in range(0x20000))
    assert [text[1] for text in texts if tokens(text) != pytest.approx(tokens_by_patterns(text))] == []


@pytest.mark.parametrize(
    "text", ["々〇、。", "１２Ａｂ，", "ㄅㄆ", "㊣", "ｱｲ", "豈", "한국어", "𠮷", "🙂", "é Ω Ж", "ก", "x" * 30, "a_b"]
)
def test_tokens_of_every_script(text: str) -> None:
    assert tokens(text) == pytest.approx(tokens_by_patterns(text))


@pytest.mark.parametrize("n_rows", [100, 400])
@pytest.mark.parametrize("budget", [268.0, 272.0, 281.0, 290.0, 400.0])
@pytest.mark.parametrize("cost", [8.5, 12.5, 30.0])
def test_groups_of_rows_leave_no_small_rest(n_rows: int, budget: float, cost: float) -> None:
    rows = [(12 * i, 12 * i + 11, cost) for i in range(n_rows)]
    groups = packed(rows, budget, ESTIMATE)
    sizes = [round(tokens_of_group / cost) for _, _, tokens_of_group in groups]
    assert min(sizes) >= 0.6 * max(sizes), sizes
    assert max(tokens_of_group for _, _, tokens_of_group in groups) <= budget
    assert [groups[0][0], groups[-1][1]] == [rows[0][0], rows[-1][1]]
