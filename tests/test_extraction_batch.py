"""Extraction from many files: one row each, whatever is broken; resumed after kill -9; tables that compute nothing."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from test_extraction import NAME, Scripted, dump, settings

import qianxun
from qianxun.cli.main import main
from qianxun.errors import Busy, InputError
from qianxun.extraction import wanted
from qianxun.extraction.journal import open_journal, row_of
from qianxun.extraction.records import Extraction, Field
from qianxun.extraction.tables import as_csv, as_workbook, defused, table
from qianxun.records import Span
from qianxun.testing import Reply, ScriptedServer
from qianxun.testing.server import Request


def says(request: Request) -> str:
    """The name in the document."""
    said = request.body["messages"][-1]["content"].replace("：", ": ")
    return dump({"name": said.rpartition("Name: ")[2].split("\n")[0].strip()})


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve documents, in Chinese, traditional Chinese and English."""
    made = tmp_path / "履歷"
    made.mkdir()
    for n in range(12):
        label = ("Name: ", "Name：", "姓名 Name: ")[n % 3]
        (made / f"{n:02}.txt").write_text(f"{label}{('Anna', '張偉', '李娜')[n % 3]}{n}\n", encoding="utf-8")
    return made


def test_one_bad_file_stops_nothing_and_is_reported(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "film.mp4").write_bytes(b"\x00\x01")
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        archive.writestr("a.txt", "Name: Inside")
        archive.writestr("b.docx", b"no document")
    seen: list[tuple[int, int | None]] = []
    with ScriptedServer(says) as server:
        found = qianxun.extract(
            NAME, [folder], settings=settings(server), progress=lambda p: seen.append((p.done, p.total))
        )
    outcomes = {Path(one.source).name: one.outcome for one in found}
    assert [one.source for one in found] == sorted(one.source for one in found)
    assert {name for name, outcome in outcomes.items() if outcome == "unreadable"} == {
        "broken.pdf",
        "empty.txt",
        "two.zip!b.docx",
    }
    assert sum(outcome == "valid" for outcome in outcomes.values()) == 13
    assert outcomes["two.zip!a.txt"] == "valid"
    assert "film.mp4" not in outcomes
    assert all(one.problems for one in found if not one.valid)
    assert [done for done, _ in seen] == list(range(len(seen)))
    assert seen[-1][0] == seen[-1][1] == 17  # 12, three of our own, two inside of one of them


def test_what_is_done_is_not_asked_again_and_what_changed_is(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with ScriptedServer(says) as server:

        def run(schema: Any = NAME, *overrides: str, **chosen: Any) -> tuple[int, list[Extraction]]:
            before = len(server.chats)
            found = qianxun.extract(schema, folder, settings=settings(server, *overrides), out=out, **chosen)
            return len(server.chats) - before, found

        assert run()[0] == 12
        n_asked, found = run()
        assert n_asked == 0
        assert all(one.kept and one.valid and one.fields for one in found)
        assert found[1].value == {"name": "張偉1"}
        span = found[1].fields[0].span
        assert span is not None
        assert span.end - span.start == 3
        (folder / "03.txt").write_text("Name: Bob", encoding="utf-8")
        n_asked, found = run()
        assert (n_asked, found[3].value) == (1, {"name": "Bob"})
        assert len(rows(out)) == 12, "one row a document"
        assert run({**NAME, "required": []})[0] == 12
        assert run({**NAME, "required": []}, "generator.model=another")[0] == 12
        assert len(rows(out)) == 12


def test_what_was_not_valid_is_asked_again_if_that_is_wanted(folder: Path, tmp_path: Path) -> None:
    out, good = tmp_path / "out.jsonl", threading.Event()

    def sometimes(request: Request) -> str | Reply:
        said = request.body["messages"][-1]["content"]
        if "Anna0" in said and not good.is_set():
            return "no"
        if "Anna3" in said and not good.is_set():
            return Reply(status=400, body={"error": {"message": "content filter"}})
        return says(request)

    with ScriptedServer(sometimes) as server:

        def run(**chosen: Any) -> list[str]:
            found = qianxun.extract(NAME, folder, settings=settings(server), out=out, **chosen)
            return [one.outcome for one in found if not one.valid]

        assert run() == ["invalid", "unanswered"]
        n_asked = len(server.chats)
        assert run() == ["invalid", "unanswered"]
        assert {"Anna3" in r.content.decode() for r in server.chats[n_asked:]} == {True}, "a refusal is tried again"
        good.set()
        assert run() == ["invalid"]
        assert run(retry=True) == []


# -- killed --------------------------------------------------------------------------------------------------------


def command(server: ScriptedServer, folder: Path, out: Path, schema: Path) -> list[str]:
    overrides = [f"generator.url={server.url}", "reading.workers=1", "remote.retries=0", "extraction.concurrency=2"]
    chosen = [part for override in overrides for part in ("--set", override)]
    words = ["extract", "--schema", str(schema), str(folder), "--out", str(out), "--json", *chosen]
    return [sys.executable, "-m", "qianxun", *words]


@pytest.mark.parametrize("form, kills", [("jsonl", (5, 17)), ("csv", (11,))])
def test_killed_it_goes_on_where_it_was(folder: Path, tmp_path: Path, form: str, kills: Sequence[int]) -> None:
    out, schema = tmp_path / f"out.{form}", tmp_path / "schema.json"
    journal = out if form == "jsonl" else tmp_path / "out.csv.jsonl"
    schema.write_text(json.dumps(NAME), encoding="utf-8")
    for n in range(12, 30):
        (folder / f"{n:02}.txt").write_text(f"Name: Person{n}", encoding="utf-8")
    with ScriptedServer(lambda request: Reply(says(request), first_seconds=0.02)) as server:
        asked: list[str] = []
        for n_done in kills:
            process = subprocess.Popen(command(server, folder, out, schema), stdout=subprocess.DEVNULL)
            try:
                _until(lambda least=n_done: journal.exists() and journal.read_bytes().count(b"\n") >= least)
            finally:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            with journal.open("ab") as file:  # what a crash may leave of a row
                file.write(b'{"source": "/some/where.txt", "outc')
            before = [row["source"] for row in rows_of_whole_lines(journal)]
            assert len(before) == len(set(before)) >= n_done
            asked = before
        n_before = len(server.chats)
        ended = subprocess.run(command(server, folder, out, schema), capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        report = json.loads(ended.stdout)
        assert report["kept"] == len(asked)
        assert len(server.chats) - n_before == 30 - len(asked), "nothing is asked twice that is on the disk"
    done = rows(journal)
    assert sorted(Path(row["source"]).name for row in done) == [f"{n:02}.txt" for n in range(30)]
    assert all(row["valid"] for row in done)
    if form == "csv":
        with out.open(encoding="utf-8-sig", newline="") as file:
            assert [line["name"] for line in csv.DictReader(file)][:3] == ["Anna0", "張偉1", "李娜2"]


def rows_of_whole_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def _until(true: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


# -- the journal ---------------------------------------------------------------------------------------------------


def an_extraction(source: str, digest: str = "d") -> Extraction:
    fields = (Field("/name", "張偉", "supported", "張偉", Span(3, 5)), Field("/days", 3, "absent"))
    data = {"name": "張偉", "days": 3}
    return Extraction(source, "valid", data, data, (), fields, (10, 5), 2, digest)


@pytest.mark.parametrize("cut", [1, 20, 57])
def test_a_torn_last_row_is_repaired(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j.jsonl"
    for n in range(2):
        with open_journal(path, "s", "m") as journal:
            journal.add(an_extraction(f"{n}.txt"))
    path.write_bytes(path.read_bytes()[:-cut])
    with open_journal(path, "s", "m") as journal:
        known = journal.known("0.txt", "d")
        assert known is not None
        assert (known.fields, known.data, known.kept) == (
            an_extraction("0.txt").fields,
            {"name": "張偉", "days": 3},
            True,
        )
        assert journal.known("1.txt", "d") is None
        assert journal.known("0.txt", "another") is None
        journal.add(an_extraction("1.txt"))
    assert [row["source"] for row in rows(path)] == ["0.txt", "1.txt"]


@pytest.mark.parametrize("text", ["my notes\n", "my notes", '{"a": 1}\n', "x\n" + "y\n"])
def test_somebody_elses_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    for name in ("mine.jsonl", "mine.csv", "mine.xlsx"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="not written"):
            qianxun.extract(NAME, tmp_path, generator=Scripted("{}"), out=tmp_path / name)
        assert (tmp_path / name).read_text("utf-8") == text


def test_a_row_in_the_middle_that_is_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with open_journal(path, "s", "m") as journal:
        journal.add(an_extraction("0.txt"))
    path.write_bytes(b"broken\n" + path.read_bytes())
    with pytest.raises(InputError, match="Line 1"), open_journal(path, "s", "m"):
        pass


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.jsonl", "s", "m"), pytest.raises(Busy):  # noqa: SIM117
        with open_journal(tmp_path / "j.jsonl", "s", "m"):
            pass


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.jsonl, \.csv, \.xlsx"):
        qianxun.extract(NAME, tmp_path, generator=Scripted("{}"), out=tmp_path / "out.docx")


# -- tables --------------------------------------------------------------------------------------------------------

NESTED = {
    "type": "object",
    "properties": {
        "party": {"type": "object", "properties": {"name": {"type": "string"}, "city": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "paid": {"type": "boolean"},
        "total": {"type": "number"},
    },
    "$defs": {"item": {"type": "object", "properties": {"what": {"type": "string"}, "price": {"type": "number"}}}},
}


def nested_rows() -> list[dict[str, Any]]:
    values = [
        {
            "total": -5.5,
            "items": [{"price": 1, "what": '=HYPERLINK("http://evil.example")'}],
            "party": {"name": "＝張偉"},
        },
        {
            "party": {"city": "台北", "name": "@SUM(A1)"},
            "tags": ["-1", "乙"],
            "paid": True,
            "items": [{"what": "a"}, {"what": "b"}],
        },
    ]
    made = [Extraction(f"{n}.txt", "valid", value, value, digest="d") for n, value in enumerate(values)]
    made.append(Extraction("2.txt", "invalid", None, {"total": "x"}, ("$.total: 'x' is not of type 'number'",)))
    return [row_of(one, "s", "m") for one in made]


def test_nested_fields_are_columns_in_the_order_of_the_schema() -> None:
    columns, lines = table(nested_rows(), NESTED)
    assert columns[5:] == [
        "party.name", "party.city", "tags", "items.0.what", "items.0.price", "items.1.what", "paid", "total",
    ]  # fmt: skip
    assert lines[1][5:] == ["@SUM(A1)", "台北", "-1; 乙", "a", None, "b", True, None]
    assert lines[2][:3] == ["2.txt", False, "$.total: 'x' is not of type 'number'"]
    assert set(lines[2][5:]) == {None}


def cells_of(content: bytes, form: str) -> Iterator[Sequence[Any]]:
    if form == "csv":
        yield from csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    else:
        yield from openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_no_cell_is_a_formula(form: str) -> None:
    columns, lines = table(nested_rows(), NESTED)
    content = as_csv(columns, lines) if form == "csv" else as_workbook(columns, lines)
    found = list(cells_of(content, form))
    texts = [cell for line in found for cell in line if isinstance(cell, str)]
    assert [text for text in texts if text.lstrip()[:1] in "=+-@＝＋－＠" and text and text != "-5.5"] == []
    assert '\'=HYPERLINK("http://evil.example")' in texts
    assert found[1][-1] in (-5.5, "-5.5"), "a number stays one"
    assert found[2][-2] in (True, "true")


@pytest.mark.parametrize("cell", ["=1+1", "+86 138", "-1", "@a", "\t=1", "  =1", "＝1", "\r\n=1"])
def test_what_begins_like_a_formula_is_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["a=1", "张伟", "", 5, -5.0, True, None, "1-2"])
def test_what_does_not_stays(cell: Any) -> None:
    assert defused(cell) == cell


def test_a_workbook_holds_any_text() -> None:
    found = list(cells_of(as_workbook(["a"], [["x\x00\x0b<&>\ud800y 漢字\n2"], ["長" * 40_000]]), "xlsx"))
    assert found[1] == ("x<&>y 漢字\n2",)
    assert found[2] == ("長" * 32_767,)


def test_long_lists_of_objects_are_one_cell() -> None:
    value = {"items": [{"what": str(n)} for n in range(21)]}
    columns, lines = table([row_of(Extraction("a", "valid", value, value), "s", "m")], NESTED)
    assert columns[5:] == ["items"]
    assert json.loads(str(lines[0][5]))[20] == {"what": "20"}


def test_a_workbook_of_a_run(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.xlsx"
    with ScriptedServer(says) as server:
        for _ in range(2):
            qianxun.extract(NAME, folder, settings=settings(server), out=out)
        assert len(server.chats) == 12
    lines = list(cells_of(out.read_bytes(), "xlsx"))
    assert lines[0] == ("_source", "_valid", "_problems", "_absent", "_weak", "name")
    assert [line[5] for line in lines[1:4]] == ["Anna0", "張偉1", "李娜2"]


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(NAME, ensure_ascii=False), encoding="utf-8")
    return path


def test_the_command_prints_values_with_their_places(
    folder: Path, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(lambda request: '{"name": "張偉1", "days": 77}') as server:
        words = ["extract", "--schema", str(schema), "--set", f"generator.url={server.url}"]
        assert main([*words, str(folder / "01.txt")]) == 0
        out, err = capsys.readouterr()
        assert "/name\t張偉1\tsupported\t張偉1" in out
        assert "Of 2 values 1 are supported, 0 weak, 1 absent." in out
        assert "not in the document: /days" in err
        assert main([*words, str(folder / "01.txt"), "--language", "zh"]) == 0
        assert "共 2 个值：1 个有依据，0 个依据不足，1 个文档中没有。" in capsys.readouterr().out


def test_exit_codes(folder: Path, schema: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(lambda request: "no") as server:
        words = ["extract", "--schema", str(schema), "--set", f"generator.url={server.url}"]
        assert main([*words, str(folder), "--out", str(tmp_path / "o.jsonl")]) == 3
        assert "The model's answer is not JSON" in capsys.readouterr().err
        assert main([*words, str(folder / "gone.txt")]) == 4
        assert main(words) == 2
        assert main([*words, str(folder), "--kb-documents", "1"]) == 2
        assert main(["extract", "--schema", str(tmp_path / "none.json"), str(folder)]) == 2
        assert main(["extract", "--schema", str(schema), str(folder)]) == 2
        assert "Set generator.url or generator.model" in capsys.readouterr().err
        assert main([*words, "https://example.com/a.html"]) == 2


def test_a_document_from_standard_input(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(says) as server:
        words = [
            "extract",
            "--schema",
            str(schema),
            "--stdin",
            "a.md",
            "--json",
            "--set",
            f"generator.url={server.url}",
        ]
        ended = subprocess.run(
            [sys.executable, "-m", "qianxun", *words],
            input="# 檔\n\nName：王芳\n".encode(),
            capture_output=True,
            timeout=60,
        )
    assert ended.returncode == 0, ended.stderr
    [one] = json.loads(ended.stdout)["results"]
    assert (one["source"], one["value"], one["fields"][0]["quote"]) == ("a.md", {"name": "王芳"}, "王芳")


def test_a_fingerprint_follows_the_schema() -> None:
    assert wanted(NAME).fingerprint == wanted(json.loads(json.dumps(NAME))).fingerprint
    assert wanted(NAME).fingerprint != wanted({**NAME, "required": []}).fingerprint
