"""Runs and qrels are read as trec_eval reads them, and what is written is read by others as it was meant."""

import gzip
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.measures import MEASURES, measure
from qianxun.evaluation.trec import read_qrels, read_run, refuse_unwritable, write_qrels, write_run

# Ids as data sets have them: Chinese, traditional, Latin, full-width punctuation, paths, whatever has no white space.
CHARACTERS = "aZ09-_.:/#%&中秋節報銷制度（１），。é\u0301𠀀"
ids = st.text(CHARACTERS, min_size=1, max_size=8) | st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="\ufeff"), min_size=1, max_size=8
)
rankings = st.dictionaries(ids, st.lists(ids, min_size=1, max_size=12, unique=True), min_size=1, max_size=6)
judgements = st.dictionaries(
    ids, st.dictionaries(ids, st.integers(-2, 4), min_size=1, max_size=8), min_size=1, max_size=6
)
anywhere = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def file(tmp_path: Path, text: str | bytes, name: str = "a.trec") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestReading:
    def test_order_is_by_score_whatever_rank_and_line_say(self, tmp_path: Path) -> None:
        run = read_run(file(tmp_path, "q Q0 low 1 0.5 x\nq Q0 high 2 0.9 x\n问题 Q0 文檔 1 -3e2 x\n"))
        assert run.rankings == {"q": ("high", "low"), "问题": ("文檔",)}
        assert run.tag == "x"

    def test_equal_scores_are_ordered_by_id_the_last_first(self, tmp_path: Path) -> None:
        run = read_run(file(tmp_path, "q Q0 a 1 1 x\nq Q0 c 2 1 x\nq Q0 b 3 1 x\nq Q0 乙 4 1 x\nq Q0 甲 5 1 x\n"))
        assert run.rankings["q"] == ("甲", "乙", "c", "b", "a")

    def test_scores_are_equal_where_32_bits_cannot_tell_them_apart(self, tmp_path: Path) -> None:
        run = read_run(file(tmp_path, "q Q0 a 1 0.50000000001 x\nq Q0 b 2 0.5 x\nq Q0 c 3 1e300 x\nq Q0 d 4 inf x\n"))
        assert run.rankings["q"] == ("d", "c", "b", "a")

    def test_columns_are_separated_by_any_number_of_spaces_and_tabs(self, tmp_path: Path) -> None:
        text = "\ufeffq1\tQ0\td1\t1\t2\tx\r\n\r\n  q1   Q0 d2 \t 2 1.5 x  \r\n"
        expected = {"q1": ("d1", "d2")}
        assert read_run(file(tmp_path, text)).rankings == expected
        assert read_run(file(tmp_path, gzip.compress(text.encode()), "a.trec.gz")).rankings == expected

    def test_ideographic_space_is_part_of_an_id(self, tmp_path: Path) -> None:
        assert read_run(file(tmp_path, "q Q0 员工\u3000手册 1 1 x\n")).rankings == {"q": ("员工\u3000手册",)}

    def test_questions_may_be_mixed(self, tmp_path: Path) -> None:
        run = read_run(file(tmp_path, "b Q0 d 1 1 x\na Q0 d 1 1 x\nb Q0 e 2 2 x\n"))
        assert list(run.rankings.items()) == [("b", ("e", "d")), ("a", ("d",))]

    @pytest.mark.parametrize(
        "line, words",
        [
            ("q Q0 d 2 1", "5 columns instead of 6"),
            ("q Q0 a document 2 1 x", "7 columns instead of 6"),
            ("q Q0 d second 1 x", "the rank 'second' is not a whole number"),
            ("q Q0 d 2.5 1 x", "the rank '2.5' is not a whole number"),
            ("q Q0 d ２ 1 x", "the rank '２' is not a whole number"),
            ("q Q0 d 2 高 x", "the score '高' is not a number"),
            ("q Q0 d 2 nan x", "the score 'nan' is not a number"),
            ("q Q0 d 2 1_0 x", "the score '1_0' is not a number"),
            ("q Q0 d 2 １ x", "the score '１' is not a number"),
            ("q Q0 手册 2 1 x", "'手册' was ranked for 'q' before"),
        ],
    )
    def test_line_that_is_none_is_named(self, tmp_path: Path, line: str, words: str) -> None:
        path = file(tmp_path, f"q Q0 手册 1 9 x\n\n{line}\n")
        with pytest.raises(InputError) as caught:
            read_run(path)
        assert str(caught.value).startswith(f"{path}, line 3: {words}.")
        assert len(str(caught.value).splitlines()) == 1
        assert caught.value.exit_code == 2

    @pytest.mark.parametrize(
        "line, words",
        [
            ("q d 1", "3 columns instead of 4"),
            ("q 0 d relevant", "the grade 'relevant' is not a whole number"),
            ("q 0 d 0.5", "the grade '0.5' is not a whole number"),
            ("q 0 手册 0", "'手册' was judged for 'q' before"),
        ],
    )
    def test_qrels_line_that_is_none_is_named(self, tmp_path: Path, line: str, words: str) -> None:
        path = file(tmp_path, f"q 0 手册 1\n{line}\n")
        with pytest.raises(InputError) as caught:
            read_qrels(path)
        assert str(caught.value).startswith(f"{path}, line 2: {words}.")

    @pytest.mark.parametrize("reader", [read_run, read_qrels])
    def test_file_that_cannot_be_read(self, tmp_path: Path, reader: Any) -> None:
        with pytest.raises(NotFound, match="There is no file at"):
            reader(tmp_path / "absent.trec")
        with pytest.raises(NotFound, match="There is no file at"):
            reader(tmp_path)
        with pytest.raises(InputError, match="is empty"):
            reader(file(tmp_path, "\ufeff\n \n"))
        with pytest.raises(InputError, match="after line 0"):
            reader(file(tmp_path, "q Q0 é 1 1 x".encode("latin-1")))
        with pytest.raises(InputError, match="after line"):
            reader(file(tmp_path, b"no gzip", "a.trec.gz"))

    def test_qrels_are_read_with_their_grades(self, tmp_path: Path) -> None:
        path = file(tmp_path, "q1\t0\td1\t2\nq1 0 d2 -1\nq2 Q0 d1 0\n")
        assert read_qrels(path) == {"q1": {"d1": 2, "d2": -1}, "q2": {"d1": 0}}


class TestWriting:
    @anywhere
    @given(rankings, st.sampled_from(["a.trec", "a.trec.gz"]))
    def test_run_comes_back_as_it_went(self, tmp_path: Path, ranked: dict[str, list[str]], name: str) -> None:
        write_run(tmp_path / name, ranked, "our system")
        run = read_run(tmp_path / name)
        assert {question: list(documents) for question, documents in run.rankings.items()} == ranked
        assert run.tag == "our-system"

    @anywhere
    @given(judgements)
    def test_qrels_come_back_as_they_went(self, tmp_path: Path, graded: dict[str, dict[str, int]]) -> None:
        write_qrels(tmp_path / "a.qrels", graded)
        assert read_qrels(tmp_path / "a.qrels") == graded

    @anywhere
    @given(rankings, judgements)
    def test_other_tools_read_what_is_written(
        self, tmp_path: Path, ranked: dict[str, list[str]], graded: dict[str, dict[str, int]]
    ) -> None:
        import ir_measures

        write_run(tmp_path / "a.trec", ranked, "t")
        write_qrels(tmp_path / "a.qrels", graded)
        with (tmp_path / "a.trec").open(encoding="utf-8") as lines:
            found: dict[str, list[tuple[float, str]]] = {}
            for line in ir_measures.read_trec_run(lines):
                found.setdefault(line.query_id, []).append((line.score, line.doc_id))
        by_score = {question: [d for _, d in sorted(scored, reverse=True)] for question, scored in found.items()}
        assert by_score == ranked
        with (tmp_path / "a.qrels").open(encoding="utf-8") as lines:
            seen = [(line.query_id, line.doc_id, line.relevance) for line in ir_measures.read_trec_qrels(lines)]
        assert seen == [(q, d, grade) for q, grades in graded.items() for d, grade in grades.items()]

    @pytest.mark.parametrize(
        "id", ["", " ", "a b", "员工\u3000手册", "a\tb", "a\n", "\ufeffq", "half \ud800", "\ud800"]
    )
    def test_id_that_no_reader_would_find_again_is_refused(self, tmp_path: Path, id: str) -> None:
        with pytest.raises(InputError, match="cannot be written in TREC's format"):
            refuse_unwritable(id)
        path = tmp_path / "runs" / "a.trec"
        write_run(path, {"q": ["d"]}, "t")
        before = path.read_bytes()
        for ranked in ({"q": ["good", id]}, {id: ["good"]}):
            with pytest.raises(InputError, match="cannot be written"):
                write_run(path, ranked, "t")
        with pytest.raises(InputError, match="cannot be written"):
            write_qrels(path, {"q": {id: 1}})
        assert path.read_bytes() == before  # whole or not at all
        assert [child.name for child in path.parent.iterdir()] == ["a.trec"]

    def test_the_same_run_is_the_same_file(self, tmp_path: Path) -> None:
        for name in ("a.gz", "b.gz"):
            write_run(tmp_path / name, {"问题": ["甲", "b"]}, "t")
        assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
        assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == "问题 Q0 甲 1 2 t\n问题 Q0 b 2 1 t\n"

    def test_where_nothing_can_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            write_run(tmp_path / "file" / "a.trec", {"q": ["d"]}, "t")


@pytest.mark.parametrize("seed", range(20))
def test_measures_of_a_run_read_are_those_of_trec_eval_on_the_file(tmp_path: Path, seed: int) -> None:
    """Ties, scores beyond 32 bits, ids of all kinds: what counts is the order that trec_eval makes of it."""
    import ir_measures

    chance = random.Random(seed)
    documents = [f"文檔{n}" if n % 3 else f"doc-{n}" for n in range(30)]
    scores = [0.1, 0.2, 0.2 + 1e-12, 1.0, 1e300, -5.0]
    lines, graded = [], dict[str, dict[str, int]]()
    for question in ("q1", "问题二", "q3", "q4"):
        chosen = chance.sample(documents, 20)
        lines += [f"{question}\tQ0 {d} {n} {chance.choice(scores)!r} t" for n, d in enumerate(chosen)]
        graded[question] = {d: chance.choice([-1, 0, 1, 2]) for d in chance.sample(documents, 12)} | {documents[0]: 1}
    path = file(tmp_path, "\n".join(lines))
    write_qrels(tmp_path / "a.qrels", graded)
    ours = measure(read_qrels(tmp_path / "a.qrels"), read_run(path).rankings)
    names = {"nDCG@10": "nDCG@10", "MRR@10": "RR", "Recall@10": "R@10", "Recall@100": "R@100"}
    theirs = {
        (name, found.query_id): found.value
        for name in MEASURES
        for found in ir_measures.iter_calc(
            [ir_measures.parse_measure(names[name])],
            list(ir_measures.read_trec_qrels((tmp_path / "a.qrels").read_text("utf-8") + "\n")),
            list(ir_measures.read_trec_run(path.read_text("utf-8") + "\n")),
        )
    }
    for question in graded:  # ir-measures has RR@10 from elsewhere, with ties in another order; trec_eval has RR
        if theirs["MRR@10", question] < 0.1:
            theirs["MRR@10", question] = 0.0
    for name in MEASURES:
        values = dict(zip(ours.questions, ours.by_question[name], strict=True))
        assert values == pytest.approx({question: theirs[name, question] for question in graded})
