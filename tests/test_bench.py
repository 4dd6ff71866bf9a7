"""The benchmark runner works at a tiny size. Nothing here asserts a time."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def bench_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No shared data, and results and work of its own."""
    from bench import adding, corpus, rows, searching

    monkeypatch.setenv("BENCH_SHARED", str(tmp_path / "absent"))
    (tmp_path / "work").mkdir()
    for module in (rows, corpus, adding, searching):
        monkeypatch.setattr(module, "WORK", tmp_path / "work")
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results")
    return tmp_path


def row(**changed: object):  # type: ignore[no-untyped-def]
    from bench.rows import Figure, Row

    values: dict[str, object] = {
        "name": "cold",
        "what": "cold search",
        "unit": "s",
        "ours": Figure.of([0.4, 0.6, 0.5]),
        "command": "c",
        "data": "d",
    }
    return Row(**{**values, **changed})


def test_figure_is_the_median_with_the_range() -> None:
    from bench.rows import Figure

    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0, 3)


def test_target_and_ratio_are_both_needed() -> None:
    from bench.rows import Figure

    assert row().met() is None
    assert row(target=0.5).met() is True
    assert row(target=0.4).met() is False
    assert row(target=400, more_is_better=True).met() is False
    peers = {"txtai": Figure.of([4.0]), "other": "absent: pip install other"}
    assert row(target=0.5, ratio=8, peers=peers).met() is True
    assert row(target=0.5, ratio=9, peers=peers).met() is False
    assert row(peers=peers).times_better("other") is None
    faster = row(ours=Figure.of([300.0]), more_is_better=True, peers={"txtai": Figure.of([20.0])})
    assert faster.times_better("txtai") == 15


def test_saved_rows_become_the_table(generated: Path) -> None:
    from bench import rows, table

    rows.save([row(target=0.7), row(target=0.7, ratio=8, peers={"txtai": "absent: pip install txtai"})])
    (record,) = table.newest(generated / "results")
    assert {"processor", "cores", "gib", "python", "load"} <= set(record["machine"])
    assert record["commit"]
    text = table.table([record])
    assert "| cold search | **0.5** (0.4–0.6, n=3) s | ≤ 0.7, 8 × better | txtai: not measured | yes |" in text
    assert "absent: pip install txtai" in rows.in_words(record)


def test_process_is_measured_and_its_failure_is_shown() -> None:
    from bench.rows import run_process

    cost = run_process([sys.executable, "-c", "print('done')"])
    assert cost.output == "done\n"
    assert cost.resident_mb > 1
    with pytest.raises(RuntimeError, match="exit 3: no such thing"):
        run_process([sys.executable, "-c", "import sys; sys.stderr.write('no such thing'); sys.exit(3)"])


def test_corpus_is_distinct_and_the_same_every_time(generated: Path) -> None:
    from bench import corpus

    first = corpus.passages(200)
    assert len(set(first)) == 200
    assert corpus.passages(200) == first
    assert len(corpus.questions(20, 200)) == 20
    assert "generated" in corpus.described(200)


def test_rows_of_a_tiny_size_are_complete(generated: Path) -> None:
    from bench import rows, run

    sizes = rows.Sizes(chunks=(30,), files=3, questions=3, runs=1, peer_runs=0, peers=False)
    found = {one.name: one for one in run.run(["encoding", "adding", "searching"], sizes, keep=True)}
    assert set(found) == {
        "encode-query-zh", "encode-query-en", "encode-passages-32", "encode-passages-128", "encode-passages-256",
        "encoder-load", "encoder-memory", "encoder-size",
        "add-files", "cold-search", "cold-search-cpu", "cold-search-memory", "warm-search-30-p50", "warm-search-30-p95",
        "memory-30",
    }  # fmt: skip
    for name, one in found.items():
        assert one.ours.median > 0, name
        assert json.loads((generated / "results" / f"{name}.jsonl").read_text())["name"] == name


def test_passages_are_cut_to_exactly_so_many_tokens() -> None:
    from bench.encoding import cut

    def n_tokens(text: str) -> int:
        return len(text.split())

    passages = ["a b", "c d e f g", "h", "i j k l", "m"]
    # "a b" is too short and takes the next one with it; what is cut off is not used again.
    assert list(cut(passages, 2, 4, n_tokens)) == ["a b\nc d", "h\ni j k"]
    with pytest.raises(SystemExit, match="2 texts of 4 tokens, not 3"):
        list(cut(passages, 3, 4, n_tokens))
    # Where a character is two tokens, no beginning of a text has three.
    with pytest.raises(SystemExit, match="0 texts of 3 tokens"):
        list(cut(["xyz"], 1, 3, lambda text: 2 * len(text)))


def test_every_module_of_rows_is_listed(generated: Path) -> None:
    from bench.run import MODULES

    readme = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    for name in MODULES:
        assert f"| `{name}` |" in readme


def test_quality_rows_carry_the_gates(generated: Path) -> None:
    from bench.retrieval import rows_of
    from qianxun.evaluation.measures import MEASURES, Measured
    from qianxun.evaluation.retrieval import Mode, ModeResult, RetrievalReport

    def result(mode: Mode, ndcg: float) -> ModeResult:
        measured = Measured(("q",), dict.fromkeys(MEASURES, (ndcg,)), dict.fromkeys(MEASURES, ndcg), (ndcg, ndcg))
        return ModeResult(mode, measured, 0.1, 100)

    results = (result("lexical", 0.184), result("dense", 0.25), result("hybrid", 0.239))
    report = RetrievalReport("cmed-zh", 1, 0, 1, 1, results, {}, 0.1, "0")
    lexical, dense, hybrid = rows_of(report)
    assert lexical.met() is True  # 0.1940 less 0.01
    assert dense.met() is None
    assert hybrid.met() is False  # 0.25 less 0.01


def test_formulas_of_the_fusion_study_equal_those_computed_by_hand() -> None:
    import numpy as np

    from bench.fusion_study import Legs, convex, ndcg, sharpened

    legs = Legs(
        name="hand",
        lexical=np.array([[4.0, 2.0, 0.0]], np.float32),
        dense=np.array([[0.0, 0.9, 0.8]], np.float32),
        rank_lexical=np.array([[1, 2, 1 << 20]], np.int32),
        rank_dense=np.array([[3, 1, 2]], np.int32),
        across=np.zeros((1, 3), np.int8),
        relevant=np.array([[0, 1, 1]], np.int8),
        attainable=np.array([8.0], np.float32),
        n_relevant=np.array([2], np.int32),
        rows=np.arange(3, dtype=np.int32)[None],
        vectors=np.eye(3, dtype=np.float16),
    )
    # attained: 1/2, 1/4, 0. best 1/2: its root 0.7071, times 1, 1/4, 0.
    assert sharpened(0.5, 2.0)(legs, 10)[0] == pytest.approx([0.3536, 0.45 + 0.0884, 0.4], abs=1e-4)
    assert convex(0.5)(legs, 10)[0] == pytest.approx([0.25, 0.575, 0.4])
    assert ndcg(legs, convex(0.5)(legs, 10)) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(8))
def test_the_formula_that_the_study_calls_chosen_is_the_product_s(seed: int) -> None:
    import numpy as np

    from bench.fusion_study import CHOSEN, Legs
    from qianxun.records import Hit
    from qianxun.retrieval.candidates import candidates_with
    from qianxun.retrieval.fuse import fuse
    from qianxun.settings import SearchSettings

    rng = np.random.default_rng(seed)
    n, depth = 14, 8
    vectors = rng.normal(size=(n, 6)).astype(np.float16).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors[0] * 0.9
    found = rng.permutation(n)[:depth]
    lexical = np.zeros(n, np.float32)
    lexical[found] = np.sort(rng.uniform(0.2, 6, depth))[::-1]
    nearest = np.argsort(-cosines)[:depth]
    ranks = np.full((2, n), 1 << 20, np.int32)
    ranks[0, found], ranks[1, nearest] = np.arange(1, depth + 1), np.arange(1, depth + 1)
    across = rng.integers(0, 2, n).astype(np.int8)
    legs = Legs(
        name="random",
        lexical=lexical[None],
        dense=cosines[None],
        rank_lexical=ranks[:1],
        rank_dense=ranks[1:],
        across=across[None],
        relevant=np.zeros((1, n), np.int8),
        attainable=np.array([9.0], np.float32),
        n_relevant=np.array([1], np.int32),
        rows=np.arange(n, dtype=np.int32)[None],
        vectors=vectors.astype(np.float16),
    )
    by_study = CHOSEN(legs, depth)[0]
    hits = {
        "dense": [Hit(int(i), float(cosines[i])) for i in nearest],
        "lexical": [Hit(int(i), float(lexical[i]), 9.0) for i in found],
    }
    known = candidates_with(
        hits,
        other_language=set(np.flatnonzero(across).tolist()),
        cosines=dict(enumerate(cosines.tolist())),
        near=lambda chunk: dict(enumerate((vectors @ vectors[chunk]).tolist())),
    )
    fused = fuse(hits, dense_weight=SearchSettings().dense_weight, candidates=known)
    assert {f.chunk: f.score for f in fused} == pytest.approx(
        {i: float(score) for i, score in enumerate(by_study) if np.isfinite(score)}, abs=2e-3
    )
