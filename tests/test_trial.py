"""A data set asked with several settings: shared where that is right, apart where it is not, always as they are set."""

import dataclasses
from pathlib import Path

import pytest
from scripted_search import Scripted, ScriptedBase, numbered

from qianxun.evaluation.datasets import read_dataset
from qianxun.evaluation.measures import measure
from qianxun.evaluation.trial import asked_each
from qianxun.settings import Settings, load_settings, with_overrides

OFF = ["encoder.name=hash"]


def right(query: str, settings: Settings, mode: str) -> list[str]:
    return ["d-第0", "d-第1"]


@pytest.fixture
def judged_path(tmp_path: Path) -> Path:
    return numbered(tmp_path / "甲", 6)


def variants(*overrides: str) -> dict[str, Settings]:
    return {text or "default": with_overrides(Settings(), text.split(",") if text else []) for text in overrides}


def test_settings_of_searching_share_a_knowledge_base(judged_path: Path) -> None:
    script = Scripted(right)
    given = variants("", "search.dense_weight=0.5", "reranker.threshold=0.4", "search.mode=lexical", "remote.retries=1")
    assert list(asked_each(read_dataset(judged_path), given, opener=script)) == list(given)
    assert len(script.added) == 1


@pytest.mark.parametrize(
    "override",
    ["encoder.name=hash", "splitting.max_tokens=64", "index.lexical=exact-lexical", "encoder.precision=float16"],
)
def test_settings_of_the_data_have_their_own(judged_path: Path, override: str) -> None:
    script = Scripted(right)
    asked_each(read_dataset(judged_path), variants("", override, "search.mode=dense"), opener=script)
    assert len(script.added) == 2
    where = {settings.search.mode: path for path, settings in script.opened}
    assert where["dense"] == script.added[0]


def test_enrichment_is_the_generators(judged_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enriched: list[Path] = []
    monkeypatch.setattr(ScriptedBase, "reindex", lambda base, *, enrich, progress: enriched.append(base.path))
    with_it = "enrichment.enabled=true,generator.url=http://127.0.0.1:9/v1"
    given = variants("", with_it, f"{with_it},search.mode=dense", f"{with_it},generator.model=other")
    script = Scripted(right)
    asked_each(read_dataset(judged_path), given, opener=script)
    assert enriched == script.added[1:]
    assert len(script.added) == 3
    # Added without it: what the generator fails at would go unseen.
    assert [s.enrichment.enabled for path, s in script.opened if path == enriched[0]] == [False, False, True, True]


def test_how_a_question_is_encoded_shares_the_vectors_of_passages(judged_path: Path) -> None:
    script = Scripted(right)
    asked_each(read_dataset(judged_path), variants("", "encoder.instruction="), opener=script)
    assert len(script.added) == 1
    assert {settings.encoder.instruction for _, settings in script.opened} == {"auto", ""}


def test_what_evaluation_cannot_tell_apart_is_asked_once(judged_path: Path) -> None:
    script = Scripted(right)
    found = asked_each(
        read_dataset(judged_path), variants("", "search.k=3", "answer.passages=2", "search.group_duplicates=false"),
        opener=script,
    )  # fmt: skip
    assert len(script.asked) == 6
    assert len({id(asked) for asked, _ in found.values()}) == 1


def test_enough_is_asked_for_unless_that_is_what_differs(judged_path: Path) -> None:
    script = Scripted(right)
    asked_each(read_dataset(judged_path), variants("", "search.dense_weight=0.5"), opener=script)
    assert {k for _, k, _ in script.asked} == {100}
    script = Scripted(right)
    asked_each(read_dataset(judged_path), variants("", "search.candidates=20"), opener=script)
    assert {(k, settings.search.candidates) for _, k, settings in script.asked} == {(50, 50), (20, 20)}


def test_times_are_a_users(judged_path: Path) -> None:
    script = Scripted(right)
    given = variants("", "search.k=3", "search.mode=lexical")
    found = asked_each(read_dataset(judged_path), given, opener=script, timed=True)
    timed = [(k, settings) for _, k, settings in script.asked if k != 100]
    assert {k for k, _ in timed} == {10, 3}
    for _, settings in timed:
        assert settings.search.group_duplicates
        assert settings.search.candidates == 50
        assert settings.models.query_cache == 0
    _, times = found["default"]
    assert times is not None
    assert len(times.whole) == 6
    assert times.stages == {"encode": (0.002,) * 6, "fuse": (0.001,) * 6}
    _, times = found["search.mode=lexical"]
    assert times is not None
    assert set(times.stages) == {"fuse"}


def test_at_most_two_hundred_questions_are_timed(tmp_path: Path) -> None:
    script = Scripted(right)
    found = asked_each(read_dataset(numbered(tmp_path / "many", 450)), variants(""), opener=script, timed=True)
    _, times = found["default"]
    assert times is not None
    assert len(times.whole) == 150  # every third
    timed = [query for query, k, _ in script.asked if k == 10]
    assert len(timed) == 5 + 150


def test_searches_that_did_without_something_are_counted(judged_path: Path) -> None:
    script = Scripted(right, degraded=lambda settings: ("reranker: away",))
    found = asked_each(read_dataset(judged_path), variants(""), opener=script)
    assert found["default"][0].degraded == {"reranker: away": 6}


class TestReal:
    """The knowledge base of the product."""

    def test_settings_of_a_variant_win_over_the_environment(
        self, judged_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("QIANXUN_SEARCH__MODE", "dense")
        monkeypatch.setenv("QIANXUN_ENCODER__NAME", "builtin")
        monkeypatch.setenv("QIANXUN_SEARCH__DENSE_WEIGHT", "0.9")
        session = load_settings(overrides=OFF)
        given = {text: with_overrides(session, [text]) for text in ("search.mode=lexical", "search.mode=hybrid")}
        given["all"] = with_overrides(session, ["search.dense_weight=0", "search.mode=hybrid"])
        found = asked_each(read_dataset(judged_path), given)
        assert {asked.models.get("encoder", "").partition("-")[0] for asked, _ in found.values()} <= {"hash", ""}
        rankings = {name: asked.rankings for name, (asked, _) in found.items()}
        # No weight for meaning: the order is that of the words alone.
        assert {q: d[0] for q, d in rankings["all"].items()} == {
            q: d[0] for q, d in rankings["search.mode=lexical"].items()
        }
        assert session.search.mode == "dense"
        assert dataclasses.replace(session.search, mode="hybrid") == given["search.mode=hybrid"].search

    def test_words_are_found_in_all_scripts(self, judged_path: Path) -> None:
        judged = read_dataset(judged_path)
        asked, times = asked_each(judged, {"only": load_settings(overrides=OFF)}, timed=True)["only"]
        assert measure(judged.judgements, asked.rankings).mean["Recall@100"] == 1.0
        assert times is not None
        assert {"encode", "lexical", "dense", "fuse", "read"} <= set(times.stages)
        assert all(len(seconds) == 6 for seconds in (times.whole, *times.stages.values()))
