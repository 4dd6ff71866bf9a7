"""Every command on a stand-in knowledge base: what it asks, what it prints, how it ends."""

# ruff: noqa: F401, F811 (`base` is a fixture)

import io
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_cli_stand_in import DOCUMENTS, FOLDER, TEXT, StandIn, base

from qianxun.cli.ask import show
from qianxun.cli.main import main
from qianxun.cli.passages import show_degraded
from qianxun.cli.screen import Screen
from qianxun.errors import Busy, DiskFull
from qianxun.filters import Or, Prefix
from qianxun.ingestion import AddReport, Problem
from qianxun.messages import set_language
from qianxun.records import Asker, chunk_id


@pytest.fixture(autouse=True)
def every_path_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in reads no file."""
    monkeypatch.setattr("os.path.lexists", lambda path: True)


def run(*argv: str, expect: int = 0) -> None:
    assert main([*argv]) == expect


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """Standard output as the one JSON document that it must be."""
    return json.loads(capsys.readouterr().out)


class TestSearch:
    def test_shows_rank_score_title_source_heading_and_text(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("search", "年休假", "-k", "5", "--mode", "lexical")
        assert base.asked[0] == (
            "search",
            {"query": "年休假", "k": 5, "mode": "lexical", "asker": Asker.admin(), "where": None},
        )
        out = capsys.readouterr().out.splitlines()
        assert out[0] == " 1  0.80  员工手册"
        assert out[1] == "    docs/人事/员工手册.md  休假 › 年休假"
        assert out[2] == f"    {TEXT}"
        assert out[3] == "    the same in: docs/copy.md"
        assert out[6] == "    docs/finance/policy.pdf, page 3  休假 › 年休假"
        assert out[-1] == "2 passages in 3 ms; encoder builtin"

    @pytest.mark.parametrize(
        "title, heading", [("休假", "年休假"), ("休假 · 内网", "年休假"), ("休假制度", "休假 › 年休假")]
    )
    def test_title_is_not_repeated_as_the_first_heading(
        self,
        title: str,
        heading: str,
        base: StandIn,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("test_cli_stand_in.DOCUMENTS", [replace(DOCUMENTS[0], title=title)])
        run("search", "年休假")
        assert capsys.readouterr().out.splitlines()[1] == f"    docs/人事/员工手册.md  {heading}"

    def test_explain_shows_stages_terms_and_times(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("search", "--explain", "hotel", "limit")
        out = capsys.readouterr().out
        assert base.asked[0][1]["query"] == "hotel limit"
        assert "dense: rank 1, score 0.8100" in out
        assert "lexical: not among the first" in out
        assert "matched: 年休 休假 hotel" in out
        assert "encode\t1 ms" in out

    def test_json_is_one_document_with_the_fixed_keys(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("--json", "search", "年休假")
        shape = printed(capsys)
        assert {"query", "hits", "seconds", "models", "degraded", "version"} <= set(shape)
        keys = "rank score chunk document source title page location heading start end text stages".split()
        assert set(keys) <= set(shape["hits"][0])
        assert shape["hits"][0]["heading"] == "休假 › 年休假"
        assert shape["hits"][0]["stages"] == {
            "dense": {"rank": 1, "score": 0.81},
            "lexical": {"rank": None, "score": None},
        }
        assert shape["hits"][1]["location"] == "page 3"
        assert shape["seconds"] == 0.003
        assert shape["timings"] == {"encode": 0.001, "dense": 0.002}

    def test_as_and_source_become_asker_and_filter(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("search", "x", "--as", "hr, public", "--source", "docs/人事")
        asked = base.asked[0][1]
        assert asked["asker"] == Asker.of("hr", "public")
        assert asked["where"] == Or((Prefix("source", f"{FOLDER}/人事"), Prefix("source", "docs/人事")))
        assert "员工手册" in capsys.readouterr().out

    def test_nobody_of_that_label_sees_anything(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("search", "x", "--as", "nobody")
        assert capsys.readouterr().out.startswith("Nothing found.")

    def test_dash_reads_standard_input(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("年休假\n有几天\n"))
        run("search", "-")
        assert base.asked[0][1]["query"] == "年休假\n有几天"

    @pytest.mark.parametrize("query", ["", "   ", "\t"])
    def test_empty_question_is_one_clear_line(
        self, base: StandIn, query: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("search", query, expect=2)
        assert capsys.readouterr().err == "The question is empty. Type what you are looking for.\n"
        assert base.asked == []

    def test_what_was_left_out_is_one_sentence(self) -> None:
        shown = io.StringIO()
        show_degraded(Screen(shown), ["dense: encode took longer than 1 s (budget.encode).", "reranker: away"])
        assert shown.getvalue() == "Left out: dense: encode took longer than 1 s (budget.encode); reranker: away.\n"


class TestFeedback:
    def test_only_a_click_passes_others_over(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("feedback", "record", "up", "年休假", "16777216", "--above", "33554432", expect=2)
        assert capsys.readouterr().err == "--above is for clicks, not for 'up'. Leave it out, or record a click.\n"

    def test_what_is_no_chunk_is_one_clear_line(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("feedback", "record", "up", "年休假", "abc", expect=2)
        assert capsys.readouterr().err.startswith("argument CHUNK: 'abc' is not a whole number of at least 1.")


class TestAsk:
    def test_shows_answer_then_numbered_sources_with_their_mark(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("ask", "年休假有几天？")
        out = capsys.readouterr().out.splitlines()
        assert out[:6] == [
            "没有配置语言模型，因此直接摘引原文。",
            "每年有十天年休假。[1]",
            "",
            "Sources",
            "[1] ✓ supported  员工手册",
            "    docs/人事/员工手册.md  休假 › 年休假",
        ]
        assert out[6:8] == [f"    “{TEXT[:18]}”", "    the same in: docs/copy.md"]
        assert out[-1] == "1 passage read in 4 ms; encoder builtin, answer by quoting"

    def test_source_quoted_several_times_is_one_entry(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        answer = base.ask("x")
        first = answer.citations[0]
        three = [first, replace(first, quote="The hotel limit", support="weak"), first]
        show(Screen(sys.stdout), replace(answer, citations=tuple(three)))
        out = capsys.readouterr().out.splitlines()
        assert out[3:9] == [
            "Sources",
            "[1] 员工手册",
            "    docs/人事/员工手册.md  休假 › 年休假",
            f"    ✓ supported  “{TEXT[:18]}”",
            "    ~ weakly supported  “The hotel limit”",
            "    the same in: docs/copy.md",
        ]

    @pytest.mark.parametrize("command", ["ask", "search"])
    def test_empty_knowledge_base_says_what_to_do(
        self, command: str, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("test_cli_stand_in.DOCUMENTS", [])
        run(command, "x")
        assert "`qianxun add FOLDER`" in capsys.readouterr().err

    def test_no_evidence_is_an_answer_and_exit_code_0(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.verdict = "no_evidence"
        run("ask", "x", "--json")
        shape = printed(capsys)
        assert shape["verdict"] == "no_evidence"
        assert shape["citations"] == []

    def test_json_has_the_fixed_keys(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("ask", "x", "--json")
        shape = printed(capsys)
        keys = "question answer verdict citations passages seconds stages models degraded version".split()
        assert set(keys) <= set(shape)
        cited = "number source page location heading start end quote support".split()
        assert set(cited) <= set(shape["citations"][0])
        assert (shape["citations"][0]["start"], shape["citations"][0]["end"]) == (10, 28)
        assert shape["stages"] == {"encode": 0.001, "extract": 0.003}


class TestAdd:
    def test_passes_paths_labels_and_switches(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("add", "a", "--label", "hr,board", "b", "--label", "legal", "--sync", "--retry", "--no-wait")
        assert base.asked[0] == (
            "add",
            {"paths": ["a", "b"], "labels": ["hr", "board", "legal"], "sync": True, "retry": True},
        )
        assert base.opened["create"] is True
        assert base.opened["wait"] is False
        out = capsys.readouterr().out
        assert out == "Added 2, replaced 0, unchanged 1, removed 0, failed 0; 7 new chunks in 1.2 s.\n"

    def test_what_was_passed_over_and_what_needs_a_look_is_counted(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        base.report = AddReport(
            added=1,
            chunks=1,
            skipped=4,
            skipped_suffixes={".json": 1, ".csv": 2, "": 1},
            attention=[("/a.pdf", "odd")],
            empty=[("/b.txt", "odd"), ("/c.txt", "odd")],
        )
        run("add", "docs")
        assert capsys.readouterr().out.splitlines() == [
            "Added 1, replaced 0, unchanged 0, removed 0, failed 0, needs attention 1, without text 2; "
            "1 new chunk in 0 ms.",
            "Skipped 4 files of kinds that cannot be read: .csv (2), without suffix (1), .json (1).",
        ]
        run("add", "docs", "--json")
        assert printed(capsys)["skipped_suffixes"] == {".json": 1, ".csv": 2, "": 1}
        base.report = AddReport(skipped=12, skipped_suffixes={f".{letter}": 1 for letter in "abcdefghijkl"})
        run("add", "docs", "--language", "zh")
        assert "跳过 12 个文件，其类型无法读取：.a (1)，.b (1)" in (said := capsys.readouterr().out)
        assert said.endswith(".j (1)，…。\n")

    def test_without_path_takes_the_folder_of_the_settings(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("add", "--set", "documents=/srv/docs")
        assert base.asked[0][1]["paths"] == ["/srv/docs"]
        assert base.asked[0][1]["labels"] is None
        run("add", expect=2)
        assert "no path was given" in capsys.readouterr().err

    def test_dash_reads_a_list_of_paths(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a b.md\n\n甲.md\n"))
        run("add", "-", "c")
        assert base.asked[0][1]["paths"] == ["a b.md", "甲.md", "c"]

    def test_a_failed_file_is_one_line_on_stderr_and_exit_code_3(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source = f"{FOLDER}/scan.pdf"
        base.report = AddReport(failed=[(source, f"{source} is an empty file."), ("/x/y.bin", "odd")])
        run("add", "docs", expect=3)
        assert capsys.readouterr().err.splitlines() == ["docs/scan.pdf is an empty file.", "/x/y.bin: odd"]
        run("add", "docs", "--json", expect=3)
        assert printed(capsys)["failed"][1] == {"source": "/x/y.bin", "reason": "odd"}

    def test_reasons_are_shown_in_the_readers_language(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        source = f"{FOLDER}/扫描.pdf"
        reason = f"{source} has no text in its 12 pages (scanned pages?). "
        reason += "pip install 'qianxun[ocr]' and `add --retry`, or run text recognition over it first."
        base.report = AddReport(attention=[(source, reason)])
        run("add", "docs", "--language", "zh")
        expected = "docs/扫描.pdf 的 12 页中没有文字（可能是扫描件）。"
        expected += "请执行 pip install 'qianxun[ocr]' 后再 `add --retry`，或先自行做文字识别。\n"
        assert capsys.readouterr().err == expected

    def test_waiting_for_another_writer_is_said_on_stderr(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def waits(*_: Any, **__: Any) -> AddReport:
            logging.getLogger("qianxun.storage.locks").warning("Waiting for %s …", "`qianxun add` (process 12)")
            return AddReport()

        monkeypatch.setattr(base, "add", waits)
        run("add", "a", "--json")
        caught = capsys.readouterr()
        assert caught.err == "Waiting for `qianxun add` (process 12) …\n"
        assert json.loads(caught.out)["added"] == 0

    def test_busy_ends_with_75(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.fails = Busy("The knowledge base is being written by {holder}.", holder="another process")
        run("add", "a", "--no-wait", "--json", expect=75)
        caught = capsys.readouterr()
        assert json.loads(caught.out)["error"]["kind"] == "Busy"
        assert caught.err == "The knowledge base is being written by another process.\n"


class TestListAndShow:
    def test_list_is_tab_separated_when_piped(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("list")
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == ["id", "status", "chunks", "pages", "labels", "title", "source", "reason"]
        assert lines[2] == ["2", "ready", "2", "3", "finance", "Expense policy", "docs/finance/policy.pdf", ""]

    def test_reason_in_the_list_does_not_repeat_the_path(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("list", "--status", "failed")
        assert capsys.readouterr().out.splitlines()[1].endswith("\tdocs/scan.pdf\tThe file is an empty file.")

    @pytest.mark.parametrize("option, ids", [("--status=failed", [3]), ("--as=finance", [2]), ("--source=docs/f", [2])])
    def test_list_narrows(self, base: StandIn, option: str, ids: list[int], capsys: pytest.CaptureFixture[str]) -> None:
        run("list", option, "--json")
        assert [d["id"] for d in printed(capsys)["documents"]] == ids

    def test_list_json_has_the_fixed_keys(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("list", "--json")
        assert {"id", "source", "title", "status", "reason", "labels", "chunks", "pages"} <= set(
            printed(capsys)["documents"][0]
        )

    def test_show_a_document_its_text_its_chunks(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("show", "2")
        assert "title\tExpense policy" in capsys.readouterr().out
        run("show", "2", "--text")
        assert capsys.readouterr().out == TEXT + "\n"
        run("show", "1", "--chunks", "--json")
        shape = printed(capsys)
        assert shape["chunks"][0]["chunk"] == chunk_id(1, 0)
        assert "text" not in shape

    def test_show_a_passage_by_its_chunk_id(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("show", str(chunk_id(1, 0)), "--json")
        shape = printed(capsys)
        assert shape["document"]["id"] == 1
        assert shape["chunk"]["text"] == TEXT

    @pytest.mark.parametrize("id, code", [("99", 4), ("two", 2)])
    def test_show_what_is_not_there(
        self, base: StandIn, id: str, code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("show", id, expect=code)
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_show_hides_what_the_asker_may_not_see(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("show", "2", "--as", "public", expect=4)
        assert "Expense" not in capsys.readouterr().out


class TestRemoveAndLabel:
    def test_remove_refuses_without_yes_when_nobody_can_answer(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("remove", "1", expect=2)
        assert "Add --yes" in capsys.readouterr().err
        assert "remove" not in [name for name, _ in base.asked]

    def test_remove_prints_a_receipt(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("remove", "1", "policy", "--yes")
        out = capsys.readouterr().out.splitlines()
        assert out[:2] == ["removed 1 docs/人事/员工手册.md", "removed 2 docs/finance/policy.pdf"]
        assert out[2].startswith("Removed 2 documents, 4 chunks, 2 vectors (revision 9).")
        run("remove", "1", "--yes", "--json")
        shape = printed(capsys)
        assert shape["removed"] == [{"id": 1, "source": DOCUMENTS[0].source}]
        assert shape["revision"] == 9

    @pytest.mark.parametrize("answer, removed", [("y\n", True), ("n\n", False), ("\n", False), ("是\n", True)])
    def test_remove_asks_at_a_terminal(
        self,
        base: StandIn,
        answer: str,
        removed: bool,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        stdin = io.StringIO(answer)
        monkeypatch.setattr(stdin, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", stdin)
        run("remove", "1")
        assert ("remove" in [name for name, _ in base.asked]) is removed
        assert "Remove 1 document? [y/N]" in capsys.readouterr().err

    def test_empty_list_is_said_to_be_empty(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
        run("remove", "-", "--yes", expect=2)
        assert capsys.readouterr().err.startswith("Standard input names no document.")
        assert base.asked == []

    def test_dry_run_removes_nothing(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("remove", "policy", "--dry-run")
        assert capsys.readouterr().out == "would remove 2 docs/finance/policy.pdf\n"
        run("remove", "policy", "--dry-run", "--json")
        assert printed(capsys)["would_remove"][0]["id"] == 2
        assert "remove" not in [name for name, _ in base.asked]

    def test_remove_what_is_not_there_is_4(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("remove", "nothing.md", "--yes", expect=4)
        assert "nothing.md" in capsys.readouterr().err

    def test_label_adds_and_removes(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("label", "1", "policy", "--add", "hr", "--remove", "public,old")
        assert base.asked[0] == ("label", {"what": [1, "policy"], "add": ["hr"], "remove": ["public", "old"]})
        assert capsys.readouterr().out.splitlines()[1] == "1\tpublic\tdocs/人事/员工手册.md"

    def test_label_may_hold_spaces_and_a_comma_separates_two(self, base: StandIn) -> None:
        run("label", "1", "--add", "hr, board of directors")
        assert base.asked[0][1]["add"] == ["hr", "board of directors"]

    def test_label_without_a_label_is_refused(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("label", "1", expect=2)
        assert "No label was named." in capsys.readouterr().err


class TestCare:
    def test_check_is_0_when_all_is_well(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("check")
        assert capsys.readouterr().out == "All is well. Compared: documents 3, chunks 4.\n"

    def test_check_names_each_problem_and_ends_with_5(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.problems = (Problem("orphan", "faiss", "docs/甲.md", "chunk 7 is not in the truth"),)
        run("check", expect=5)
        caught = capsys.readouterr()
        assert "orphan\tfaiss\tdocs/甲.md\tchunk 7 is not in the truth" in caught.out
        assert "qianxun rebuild" in caught.err
        run("check", "--json", expect=5)
        shape = printed(capsys)
        assert shape["ok"] is False
        assert shape["problems"][0]["kind"] == "orphan"

    def test_check_names_twenty_problems_and_counts_the_rest(
        self, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        base.problems = tuple(Problem("gap", "faiss", f"{FOLDER}/{n}.md", f"chunk {n}") for n in range(3000))
        run("check", expect=5)
        caught = capsys.readouterr()
        lines = caught.out.splitlines()
        assert len(lines) == 1 + 20 + 2
        assert lines[20] == "gap\tfaiss\tdocs/19.md\tchunk 19"
        assert lines[21] == "… and 2,980 more; --json names them all."
        assert caught.err.startswith("3,000 problems.")
        run("check", "--json", expect=5)
        assert len(printed(capsys)["problems"]) == 3000

    def test_compact_that_grows_says_why(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(base, "compact", lambda progress: {"bytes_before": 2048, "bytes_after": 4096})
        run("compact")
        assert "size after\t4.0 KB\nIt grew:" in capsys.readouterr().out

    def test_info_rebuild_compact(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        run("info")
        out = capsys.readouterr().out
        assert "index faiss\trevision 3, chunks 4, exact: small, size 2.0 KB\n" in out
        assert "documents\tready 2, failed 1\n" in out
        run("info", "--language", "zh")
        out = capsys.readouterr().out
        assert "文档\t就绪 2，失败 1\n" in out
        assert "索引 faiss\t修订号 3，片段 4，" in out
        set_language("en")
        run("info", "--json")
        assert printed(capsys)["indexes"]["faiss"]["chunks"] == 4
        run("rebuild")
        assert "chunks\t4\nbegun anew\tnone\n" in capsys.readouterr().out
        run("rebuild", "--json")
        assert printed(capsys)["chunks"] == 4
        run("compact")
        assert capsys.readouterr().out == "Compacted.\nsize before\t4.0 KB\nsize after\t2.0 KB\n"


class TestEndings:
    def test_ctrl_c_says_that_the_same_command_resumes(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.fails = KeyboardInterrupt()
        run("add", "a", expect=130)
        assert capsys.readouterr().err == "Stopped. The same command resumes.\n"
        run("search", "a", "--json", expect=130)
        caught = capsys.readouterr()
        assert caught.err == "Stopped.\n"
        assert json.loads(caught.out)["error"]["kind"] == "Stopped"

    @pytest.mark.parametrize("command, resumes", [("rebuild", True), ("compact", True), ("remove", False)])
    def test_only_what_resumes_says_so(
        self, command: str, resumes: bool, base: StandIn, capsys: pytest.CaptureFixture[str]
    ) -> None:
        base.fails = KeyboardInterrupt()
        run(command, *(["1", "--yes"] if command == "remove" else []), expect=130)
        assert ("resumes" in capsys.readouterr().err) is resumes

    def test_unforeseen_error_is_one_line_and_70(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.fails = ValueError("two\nlines")
        run("search", "a", expect=70)
        assert capsys.readouterr().err == "ValueError: two lines (run again with -v for the traceback)\n"
        run("search", "a", "-v", expect=70)
        assert "Traceback" in capsys.readouterr().err

    def test_foreseen_error_has_its_exit_code_and_json(self, base: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
        base.fails = DiskFull(
            "No room is left at {path} ({error}).",
            remedy="Free some disk and run the same command again: it resumes.",
            path="/kb",
            error="ENOSPC",
        )
        run("add", "a", "--json", "--language=zh", expect=74)
        caught = capsys.readouterr()
        assert json.loads(caught.out) == {
            "error": {
                "kind": "DiskFull",
                "message": "/kb 处已没有空间（ENOSPC）。",
                "remedy": "请腾出磁盘空间后再次运行同一命令：它会接着做。",
            }
        }
        assert caught.err.count("\n") == 1

    def test_a_reader_that_has_gone_is_no_error(
        self, base: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        class Gone(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

            def fileno(self) -> int:
                return file.fileno()

        with (tmp_path / "out").open("w") as file:
            monkeypatch.setattr(sys, "stdout", Gone())
            assert main(["list"]) == 141
