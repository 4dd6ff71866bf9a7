"""A newcomer's path through the real command line, in processes of their own, and bad input on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents in two languages, one broken, and a knowledge base made of them."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "资料" / "人事").mkdir(parents=True)
    (folder / "资料" / "人事" / "员工手册.md").write_text(
        "# 员工手册\n\n## 年休假\n\n工作满五年不满十年的员工，每年有十天带薪年休假。\n", encoding="utf-8"
    )
    (folder / "资料" / "expenses.txt").write_text(
        "The hotel limit in Shanghai is 650 yuan a night.\n", encoding="utf-8"
    )
    (folder / "资料" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    done = qianxun(folder, "init", "--documents", "资料", "--language", "en", "--yes")
    assert done.returncode == 0, done.stderr
    done = qianxun(folder, "add")
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("Added 2, replaced 0, unchanged 0, removed 0, failed 1;")
    assert done.stderr.startswith("资料/broken.pdf ")
    return folder


def qianxun(folder: Path, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QIANXUN_")}
    return subprocess.run(
        [sys.executable, "-m", "qianxun.cli.main", *argv],
        cwd=folder,
        env=environment | {"QIANXUN_HOME": str(folder / "home")},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_search_finds_by_meaning_and_words_in_both_languages(place: Path) -> None:
    for query, source in (("年休假几天", "员工手册.md"), ("hotel limit", "expenses.txt")):
        done = qianxun(place, "search", query, "--json")
        assert done.stderr == ""
        assert json.loads(done.stdout)["hits"][0]["source"].endswith(source)


def test_adding_again_changes_nothing(place: Path) -> None:
    done = qianxun(place, "add", "--json")
    shape = json.loads(done.stdout)
    assert (shape["added"], shape["replaced"], shape["chunks"]) == (0, 0, 0)


def test_labels_decide_who_finds_it(place: Path) -> None:
    assert qianxun(place, "label", "资料/人事", "--add", "hr", "--remove", "public").returncode == 0
    for labels, found in (("public", False), ("hr", True)):
        done = qianxun(place, "search", "年休假", "--as", labels, "--json")
        assert any("员工手册" in hit["source"] for hit in json.loads(done.stdout)["hits"]) is found
    assert qianxun(place, "label", "资料/人事", "--add", "public", "--remove", "hr").returncode == 0


def test_source_narrows_the_search(place: Path) -> None:
    done = qianxun(place, "search", "年休假 hotel", "--source", "资料/人事", "--json")
    assert {Path(hit["source"]).name for hit in json.loads(done.stdout)["hits"]} == {"员工手册.md"}


def test_question_of_100000_characters_is_cut_and_says_so(place: Path) -> None:
    done = qianxun(place, "search", "-", "--json", stdin="年休假几天？" * 20_000)
    assert done.returncode == 0
    assert json.loads(done.stdout)["degraded"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "argv, code, words",
    [
        (["add", "nowhere"], 4, "nowhere"),
        (["search", " "], 2, "empty"),
        (["search", "x", "--kb", "nobody"], 4, "nobody"),
        (["show", "999"], 4, "999"),
        (["remove", "nothing*", "--yes"], 4, "nothing*"),
        (["remove", "资料"], 2, "--yes"),
        (["list", "--set", "search.kk=1"], 2, "search.k"),
        (["eval", "retrieval", "nowhere"], 4, "nowhere"),
    ],
)
def test_bad_input_is_one_clear_line_with_its_code(place: Path, argv: list[str], code: int, words: str) -> None:
    done = qianxun(place, *argv)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert words in last
    assert "Traceback" not in done.stderr


def test_misspelt_path_makes_no_knowledge_base(place: Path) -> None:
    assert qianxun(place, "add", "nowhere", "--kb", "./new").returncode == 4
    assert not (place / "new").exists()


def test_bytes_on_standard_input_that_are_no_text_are_no_error(place: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("QIANXUN_", "LC_", "LANG"))}
    for locale in ("C.UTF-8", "en_US.UTF-8", "C"):
        for argv, given in (
            (["search", "-"], b"\xff\xfe\x00bad hotel"),
            (["ask", "-"], b"\xff hotel limit"),
            (["search", b"\xff hotel"], b""),
            (["search", "hotel", "--source", b"\xff", "--as", b"\xff"], b""),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "qianxun.cli.main", *argv],
                cwd=place,
                env=environment | {"QIANXUN_HOME": str(place / "home"), "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"},
                input=given,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr


def test_names_that_are_no_text_are_added_listed_and_removed(place: Path) -> None:
    name = os.fsencode(place) + b"/\xff\xfe.txt"
    try:
        Path(os.fsdecode(name)).write_text("A caf\u00e9 opens at noon.\n", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes no such names")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QIANXUN_")}
    for argv in (["add", "-"], ["list"], ["remove", "--yes", "-"]):
        done = subprocess.run(
            [sys.executable, "-m", "qianxun.cli.main", *argv],
            cwd=place,
            env=environment | {"QIANXUN_HOME": str(place / "home"), "PYTHONIOENCODING": "utf-8:strict"},
            input=name + b"\n",
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert b"\\xff\\xfe.txt" in done.stdout or argv[0] == "add"


def test_output_into_a_closed_pipe_is_quiet(place: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QIANXUN_")}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "qianxun.cli.main", "list"],
            cwd=place,
            env=environment | {"QIANXUN_HOME": str(place / "home")},
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_remove_and_compact(place: Path) -> None:
    (place / "资料" / "canary.txt").write_text("蝴蝶鱼在午夜唱歌 canary\n", encoding="utf-8")
    qianxun(place, "add", "资料/canary.txt")
    done = qianxun(place, "remove", "资料/canary.txt", "--yes")
    assert "Removed 1 document, 1 chunk, 1 vector" in done.stdout
    assert qianxun(place, "compact").returncode == 0
    done = qianxun(place, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert all("蝴蝶鱼".encode() not in file.read_bytes() for file in (place / "home").rglob("*") if file.is_file())


def test_one_blank_page_is_said_to_be_one(place: Path) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    pdf = pypdfium2.PdfDocument.new()
    pdf.new_page(100, 100)
    pdf.save(place / "blank.pdf")
    pdf.close()
    done = qianxun(place, "add", "blank.pdf", "--kb", "./blank")
    assert done.stdout.startswith(
        "Added 0, replaced 0, unchanged 0, removed 0, failed 0, needs attention 1; 0 new chunks"
    )
    assert done.stderr.startswith("blank.pdf has no text on its one page (a scanned page?).")
