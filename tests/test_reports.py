"""Reports as files: everything is in them, everything is escaped, nothing outside is needed."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_search import Scripted, numbered, written_dataset

from qianxun import messages
from qianxun.cli.main import main
from qianxun.errors import InputError
from qianxun.evaluation.comparing.ablation import ablate
from qianxun.evaluation.comparing.compare import compare
from qianxun.evaluation.comparing.differences import shown_p
from qianxun.evaluation.comparing.sides import given_side
from qianxun.evaluation.reports import (
    page_of_ablation,
    page_of_comparison,
    page_of_retrieval,
    report_file,
    write_report,
)
from qianxun.evaluation.reports.html import MAX_ROWS, as_html
from qianxun.evaluation.reports.markdown import as_markdown, escaped
from qianxun.evaluation.reports.page import Bar, Bars, Facts, Interval, Intervals, Notes, Page, Section, Table
from qianxun.evaluation.reports.plots import MAX_BARS, shown_tick, ticks_between
from qianxun.evaluation.retrieval import evaluate_retrieval
from qianxun.settings import Settings
from qianxun.shapes import eval_ablation_shape, eval_compare_shape, evaluation_shape

NASTY = '<script>alert("1")</script> & <img src=x onerror=alert(1)> | `code` *x* [a](b) \\ \x00\x1b\ud800 “引号” 頭\n尾'
VOID = {"meta", "br", "img", "link"}


def rule(query: str, settings: Settings, mode: str) -> list[str]:
    id = "第" + "".join(c for c in query if c.isdigit())
    missed = {"dense": 8, "lexical": 3, "hybrid": 1}[mode] + 10 * (settings.search.dense_weight > 0.5)
    return ["d-第99", *([f"d-{id}"] if int(id[1:]) >= missed else [])]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report of each kind, on two data sets, as the commands print them."""
    folder = tmp_path_factory.mktemp("reports")
    sets = [numbered(folder / name, n) for name, n in (("甲<b>", 30), ("乙", 24))]
    script = Scripted(rule, degraded=lambda s: ("reranker: <away>",) if s.search.dense_weight > 0.5 else ())
    current = Settings()
    compared = compare(
        given_side("current", current), given_side("search.dense_weight=0.9", current),
        datasets=sets, opener=script, margin=0.01,
    )  # fmt: skip
    retrieval = [evaluate_retrieval(path, settings=current, opener=script).as_json() for path in sets]
    return {
        "retrieval": evaluation_shape(retrieval),
        "one": evaluation_shape(retrieval[:1]),
        "comparison": eval_compare_shape(compared),
        "ablation": eval_ablation_shape(ablate(sets, current, opener=script)),
    }


def page_of(kind: str, shape: Any) -> Page:
    if kind == "comparison":
        return page_of_comparison(shape)
    if kind == "ablation":
        return page_of_ablation(shape, {"default": "default"})
    return page_of_retrieval(shape)


def parsed(page: str) -> Any:
    from lxml import html

    return html.document_fromstring(page)


def texts(page: str) -> list[str]:
    """What a reader sees, piece by piece, without the plots' titles."""
    return [
        " ".join(text.split()) for text in parsed(page).xpath("//body//text()[not(ancestor::title)]") if text.strip()
    ]


class Strict(HTMLParser):
    """Refuses tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def strictly(page: str) -> Strict:
    parser = Strict()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def shown(kind: str, path: tuple[str, ...], value: float) -> str:
    """How the page shows a figure of the JSON, by the last key that names it."""
    name = next(key for key in reversed(path) if not key.isdigit())
    if name in ("p", "p_corrected"):
        return shown_p(value)
    if name == "difference" or (name == "interval" and kind in ("comparison", "ablation")):
        return f"{value:+.4f}" if value else "0.0000"
    if name in ("alpha", "margin"):
        return f"{value:g}"
    places = {"median": 2, "p95": 2, "found": 1}.get(name, 3 if "seconds" in path else 4)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{places}f}"


def figures(shape: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(shape, dict):
        for key, item in shape.items():
            yield from figures(item, (*path, str(key)))
    elif isinstance(shape, list):
        for place, item in enumerate(shape):
            yield from figures(item, (*path, str(place)))
    elif isinstance(shape, int | float) and not isinstance(shape, bool):
        yield path, shape


class TestPage:
    @pytest.mark.parametrize("kind", ["retrieval", "one", "comparison", "ablation"])
    def test_every_figure_of_the_json_is_in_the_page(self, kind: str, shapes: dict[str, Any]) -> None:
        shape = shapes[kind]
        seen = " ".join(texts(as_html(page_of(kind, shape))))
        n = 0
        for path, value in figures(shape):
            if "values" in path and "nDCG@10" not in path:
                continue  # by question, the page has nDCG@10; the JSON has all four
            expected = shown(kind, path, value)
            assert re.search(rf"(?<![\d.,]){re.escape(expected)}(?![\d])", seen), (path, value, expected)
            n += 1
        assert n > 60

    @pytest.mark.parametrize("kind", ["retrieval", "one", "comparison", "ablation"])
    def test_page_is_whole_and_needs_nothing_else(self, kind: str, shapes: dict[str, Any]) -> None:
        page = as_html(page_of(kind, shapes[kind]))
        found = strictly(page)
        names = {(tag, name) for tag, name, _ in found.attributes}
        assert not {name for _, name in names} & {"href", "src", "srcset", "action", "style", "data", "xlink:href"}
        assert not any(name.startswith("on") for _, name in names)
        assert "<script" not in page
        assert not re.search(r"https?:|url\(|@import", page)
        assert 'content="width=device-width, initial-scale=1"' in page
        assert "prefers-color-scheme: dark" in page
        assert ("html", "lang", "en") in found.attributes

    def test_nothing_in_a_text_becomes_markup(self, tmp_path: Path) -> None:
        questions = {"q1": NASTY, "第<2>": "第 2 項加班費如何申請？"}
        folder = written_dataset(tmp_path / "x", questions, {"q1": {"d1": 1}, "第<2>": {"d2": 1}})
        script = Scripted(lambda query, settings, mode: ["d1", "d2"] if mode == "lexical" else [])
        report = compare(
            given_side("current", Settings()), given_side("search.mode=lexical", Settings()),
            datasets=[folder], opener=script,
        )  # fmt: skip
        shape = eval_compare_shape(report)
        page = as_html(page_of_comparison(shape))
        strictly(page)
        assert "<script" not in page
        assert "<img" not in page
        cells = parsed(page).xpath("//td[@class='text']")
        found = {" ".join(cell.text_content().split()) for cell in cells}
        as_shown = " ".join(re.sub("[\x00\x1b\ud800]", "\ufffd", NASTY).split())
        assert {as_shown, "第 2 項加班費如何申請？"} <= found
        assert all(cell.get("dir") == "auto" for cell in cells)
        for name in ("a.html", "a.md", "a.json"):
            write_report(tmp_path / name, page_of_comparison(shape), shape)
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == shape

    def test_page_is_in_the_readers_language(self, shapes: dict[str, Any]) -> None:
        messages.set_language("zh")
        page = as_html(page_of_comparison(shapes["comparison"]))
        assert parsed(page).get("lang") == "zh-CN"
        assert "第 1 項加班費如何申請" in page or "第 2 項加班費如何申請" in page

    def test_rows_beyond_the_most_are_counted(self) -> None:
        table = Table(["n"], [[str(n)] for n in range(MAX_ROWS + 7)])
        page = as_html(Page("t", "", [Section("s", [table])], "1"))
        assert len(parsed(page).xpath("//tbody/tr")) == MAX_ROWS
        assert "The first 5,000 of 5,007 rows." in page


class TestPlots:
    def test_bars_are_as_high_as_the_differences(self) -> None:
        values = [0.5, -0.25, 0.125, -1.0]
        page = as_html(Page("t", "", [Section("s", [Bars("b", [Bar(f"q{v}", v) for v in values], "rest")])], "1"))
        bars = parsed(page).xpath("//rect")
        assert [float(bar.get("height")) for bar in bars] == [0.5, 0.125, 0.25, 1.0]
        assert [float(bar.get("y")) for bar in bars] == [0.5, 0.875, 1.0, 1.0]
        assert [bar.get("class") for bar in bars] == ["gain", "gain", "loss", "loss"]
        assert [bar.xpath("./title")[0].text for bar in bars] == ["q0.5", "q0.125", "q-0.25", "q-1.0"]
        assert "rest" in texts(page)

    def test_every_question_that_changed_has_a_bar(self, shapes: dict[str, Any]) -> None:
        page = parsed(as_html(page_of_comparison(shapes["comparison"])))
        plots = page.xpath("//figure[@class='bars']")
        changed = [dataset["changed"] for dataset in shapes["comparison"]["datasets"]]
        assert [len(plot.xpath(".//rect")) for plot in plots] == [len(rows) for rows in changed]
        for plot, rows in zip(plots, changed, strict=True):
            ids = {title.text.split()[0] for title in plot.xpath(".//title")}
            assert ids == {row["id"] for row in rows}

    def test_more_bars_than_a_screen_has_columns_are_thinned(self) -> None:
        bars = [Bar(str(n), n + 1.0) for n in range(2 * MAX_BARS + 1)]
        page = as_html(Page("t", "", [Section("s", [Bars("b", bars)])], "1"))
        assert len(parsed(page).xpath("//rect")) <= MAX_BARS
        assert "evenly spread" in page

    def test_a_single_bar_is_no_wall(self) -> None:
        page = as_html(Page("t", "", [Section("s", [Bars("b", [Bar("q", -0.5)])])], "1"))
        (plot,) = parsed(page).xpath("//figure//svg")
        width = float(plot.get("viewbox").split()[2])
        assert float(plot.xpath(".//rect")[0].get("width")) < width / 20
        assert float(plot.xpath(".//line")[0].get("x2")) == width

    def test_nothing_changed_is_no_plot(self) -> None:
        page = as_html(Page("t", "", [Section("s", [Bars("b", [], "all the same")])], "1"))
        strictly(page)
        assert parsed(page).xpath("//rect") == []
        assert "all the same" in texts(page)

    def test_dots_and_lines_stand_where_the_figures_are(self) -> None:
        rows = [Interval("一", 0.0, -0.1, 0.1, shown="0"), Interval("二", 0.1, 0.05, 0.2, shown="+0.1")]
        page = parsed(as_html(Page("t", "", [Section("s", [Intervals("i", rows, zero=True)])], "1")))
        places = [float(dot.get("cx").rstrip("%")) for dot in page.xpath("//circle")]
        lines = [
            (float(line.get("x1").rstrip("%")), float(line.get("x2").rstrip("%")))
            for line in page.xpath("//line[@class='interval']")
        ]
        ticks = {text.text: float(text.get("x").rstrip("%")) for text in page.xpath("//text")}
        assert list(ticks) == ["-0.1", "0.0", "0.1", "0.2"]
        assert places == pytest.approx([ticks["0.0"], ticks["0.1"]], abs=0.01)
        assert lines[0] == pytest.approx((ticks["-0.1"], ticks["0.1"]), abs=0.01)
        assert ticks["-0.1"] < lines[1][0] < lines[1][1] == pytest.approx(ticks["0.2"], abs=0.01)
        assert len(page.xpath("//line[@class='zero']")) == 2

    @settings(deadline=None)
    @given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
    def test_ticks_are_round_and_span_what_is_drawn(self, low: float, wide: float) -> None:
        high = low + wide
        if wide and wide < 1e-6 * max(1.0, abs(low)):
            return
        ticks = ticks_between(low, high)
        slack = (ticks[1] - ticks[0]) * 1e-6
        assert ticks[0] <= low + slack
        assert ticks[-1] >= high - slack
        assert 2 <= len(ticks) <= 7
        assert len({shown_tick(tick, ticks) for tick in ticks}) == len(ticks)
        assert [float(shown_tick(tick, ticks)) for tick in ticks] == pytest.approx(ticks)

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=5), st.booleans()
    )
    def test_every_mark_is_inside(self, given_rows: list[tuple[float, float, float]], zero: bool) -> None:
        rows = [Interval("问题", sorted(row)[1], min(row), max(row), shown="x") for row in given_rows]
        page = parsed(as_html(Page("t", "", [Section("s", [Intervals("i", rows, zero=zero)])], "1")))
        marks = [
            mark.get(name) for mark in page.xpath("//line|//circle") for name in ("x1", "x2", "cx") if mark.get(name)
        ]
        assert all(0 <= float(mark.rstrip("%")) <= 100 for mark in marks)


class TestMarkdown:
    @pytest.mark.parametrize("kind", ["retrieval", "one", "comparison", "ablation"])
    def test_tables_say_what_the_page_says(self, kind: str, shapes: dict[str, Any]) -> None:
        page = page_of(kind, shapes[kind])
        cells = {cell for row in tables(as_markdown(page)) for cell in row}
        wanted = {" ".join(td.text_content().split()) for td in parsed(as_html(page)).xpath("//td|//th")}
        assert wanted == cells

    @settings(deadline=None)
    @given(
        st.text(max_size=30)
        | st.sampled_from([NASTY.replace("\ud800", ""), "- a", "1. a", "# a", "a|b", "---", "+1", "~~a~~"])
    )
    def test_text_is_shown_as_it_is(self, text: str) -> None:
        wanted = " ".join(text.replace("\x00", "\ufffd").split())
        document = Page(
            "t", "", [Section("s", [Table(["h"], [[text], ["end"]]), Notes([f"x {text}"]), Facts([])])], "1"
        )
        rendered = as_markdown(document)
        assert [" ".join(row[0].replace("\x00", "\ufffd").split()) for row in tables(rendered)] == ["h", wanted, "end"]

    def test_plain_words_are_left_as_they_are(self) -> None:
        for text in (
            "nDCG@10",
            "seconds: 1.230",
            "q-1 (2025-03-14)",
            "no_evidence",
            "search.mode=dense",
            "版本：1，2。",
        ):
            assert escaped(text) == text
        for text, written in (("@someone", "\\@someone"), ("a@b", "a\\@b"), (":tada:", "\\:tada:"), ("1. a", "1\\. a")):
            assert escaped(text) == written

    def test_what_is_said_of_a_plot_stands_under_its_title(self) -> None:
        page = Page("t", "", [Section("s", [Bars("nDCG@10: B less A", [], "24 questions are the same.")])], "1")
        assert "\n**nDCG@10: B less A**\n\n24 questions are the same.\n" in as_markdown(page)

    def test_figures_are_left_as_they_are(self) -> None:
        for text in ("0.1234", "+0.1234", "-0.1234", "1,234", "-0.1 … +0.2"):
            assert escaped(text) == text


def tables(text: str) -> list[list[str]]:
    """The cells of every table as a reader of Markdown sees them."""
    from lxml import html
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark").enable("table").render(text)
    rows = html.document_fromstring(rendered).xpath("//tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./td|./th")] for row in rows]


class TestFile:
    def test_name_says_the_kind(self, tmp_path: Path, shapes: dict[str, Any]) -> None:
        page = page_of_comparison(shapes["comparison"])
        for name, beginning in (("a.html", "<!DOCTYPE html>"), ("报告.md", "# Comparison"), ("A.JSON", "{\n")):
            path = report_file(str(tmp_path / name))
            write_report(path, page, shapes["comparison"])
            assert path.read_text(encoding="utf-8").startswith(beginning)
        assert json.loads((tmp_path / "A.JSON").read_text(encoding="utf-8")) == shapes["comparison"]

    def test_file_that_cannot_be_is_refused_first(self, tmp_path: Path) -> None:
        (tmp_path / "folder.html").mkdir()
        for name in ("a.pdf", "a", "folder.html", "absent/a.html"):
            with pytest.raises(InputError, match="A report cannot be written to"):
                report_file(str(tmp_path / name))

    def test_old_report_stays_if_the_new_one_fails(self, tmp_path: Path, shapes: dict[str, Any]) -> None:
        path = tmp_path / "a.json"
        page = page_of_comparison(shapes["comparison"])
        write_report(path, page, {"old": 1})
        with pytest.raises(TypeError):
            write_report(path, page, {"new": [1] * 100_000, "broken": object()})
        assert json.loads(path.read_text(encoding="utf-8")) == {"old": 1}
        assert [child.name for child in tmp_path.iterdir()] == ["a.json"]

    @pytest.mark.parametrize("kind", ["retrieval", "ablation"])
    def test_commands_write_it(self, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        dataset = numbered(tmp_path / "甲", 6)
        path = tmp_path / "report.html"
        given = ["--set", "encoder.name=hash", "--report", str(path)]
        assert main(["eval", kind, str(dataset), *given]) == 0
        assert f"The report is in {path}." in capsys.readouterr().err
        strictly(path.read_text(encoding="utf-8"))

    def test_retrieval_writes_runs_and_judgements(self, tmp_path: Path) -> None:
        dataset = numbered(tmp_path / "甲", 6)
        runs = tmp_path / "runs"
        assert main(["eval", "retrieval", str(dataset), "--set", "encoder.name=hash", "--runs", str(runs)]) == 0
        names = ["甲-dense.trec", "甲-hybrid.trec", "甲-lexical.trec", "甲.qrels"]
        assert sorted(path.name for path in runs.iterdir()) == names
        given = [str(runs / names[1]), str(runs / names[2])]
        assert main(["eval", "compare", *given, "--qrels", str(runs / names[3])]) in (0, 1)
