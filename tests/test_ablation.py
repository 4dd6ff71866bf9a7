"""`eval ablation`: variants beside the default, in quality and milliseconds."""

import json
from pathlib import Path

import pytest
from scripted_search import Scripted, numbered

from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound, SettingsError
from qianxun.evaluation.comparing.ablation import Milliseconds, Variant, ablate, built_in, variant_of
from qianxun.evaluation.significance import randomization_p
from qianxun.settings import Settings, load_settings, with_overrides


def legs(query: str, settings: Settings, mode: str) -> list[str]:
    """Meaning misses the first eight questions, words the first two, both together none."""
    id = "第" + "".join(c for c in query if c.isdigit())
    missed = {"dense": 8, "lexical": 2, "hybrid": 0}[mode]
    return ["d-第99", *([f"d-{id}"] if int(id[1:]) >= missed else [])]


LEGS = [variant_of("lexical only=search.mode=lexical"), variant_of("dense only=search.mode=dense")]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return numbered(tmp_path / "甲", 24)


class TestVariants:
    def test_built_in_ones_are_settings_that_there_are(self) -> None:
        names = [variant.name for variant in built_in()]
        assert len(set(names)) == len(names)
        for variant in built_in():
            with_overrides(Settings(), variant.overrides)

    def test_name_and_settings_are_told_apart_by_the_first_sign(self) -> None:
        assert variant_of("更多词=search.dense_weight=0.1,search.mode=hybrid") == Variant(
            "更多词", ("search.dense_weight=0.1", "search.mode=hybrid"), "更多词"
        )

    @pytest.mark.parametrize("text", ["words", "words=", "=search.k=3", "words=search.k", " =search.k=3", ""])
    def test_what_is_none_is_said(self, text: str) -> None:
        with pytest.raises(InputError, match="is not NAME=KEY=VALUE"):
            variant_of(text)

    def test_names_are_different(self, dataset: Path) -> None:
        script = Scripted(legs)
        for texts in (["a=search.mode=dense", "a=search.mode=lexical"], ["default=search.mode=dense"]):
            with pytest.raises(InputError, match="Two variants are named"):
                ablate([dataset], Settings(), [variant_of(text) for text in texts], opener=script)
        with pytest.raises(SettingsError, match=r"search\.mood"):
            ablate([dataset], Settings(), [variant_of("a=search.mood=dense")], opener=script)
        with pytest.raises(NotFound, match="No data set"):
            ablate([dataset, dataset / "absent"], Settings(), opener=script)
        assert script.opened == []  # all is checked before anything is measured

    def test_what_changes_nothing_is_not_measured(self, dataset: Path) -> None:
        def measured(*overrides: str) -> tuple[set[str], set[str]]:
            report = ablate([dataset], load_settings(overrides=overrides), opener=Scripted(legs))
            rows = [row.variant.name for row in report.pooled.rows]
            assert rows[0] == "default"
            assert set(rows[1:]) | {variant.name for variant in report.left_out} == {v.name for v in built_in()}
            return set(rows[1:]), {variant.name for variant in report.left_out}

        tried, left_out = measured()
        assert {"lexical only", "dense only"} <= tried
        assert {"hybrid", "without reranker"} <= left_out
        tried, left_out = measured("reranker.url=http://127.0.0.1:9/v1")
        assert "without reranker" in tried
        tried, left_out = measured("search.mode=lexical")
        assert {"dense only", "hybrid"} <= tried
        assert "lexical only" in left_out


class TestFigures:
    def test_by_hand(self, dataset: Path) -> None:
        script = Scripted(legs)
        report = ablate([dataset], Settings(), LEGS, opener=script)
        default, words, meaning = report.pooled.rows
        at_two = 0.6309297535714575  # the right one is second: 1 / log2(3)
        assert default.mean == pytest.approx(at_two)
        assert (default.difference, default.interval, default.p, default.verdict) == (None, None, None, None)
        assert words.difference == pytest.approx(-2 / 24 * at_two)
        assert words.verdict == "no difference"
        assert meaning.difference == pytest.approx(-8 / 24 * at_two)
        # Corrected: the smaller of two p.
        assert meaning.p == pytest.approx(2 * randomization_p([-at_two] * 8))
        assert meaning.verdict == "worse"
        assert meaning.interval is not None
        assert meaning.interval[0] < meaning.difference < meaning.interval[1] < 0
        assert len(script.added) == 1

    def test_times_by_stage(self, dataset: Path) -> None:
        default, words, _ = ablate([dataset], Settings(), LEGS, opener=Scripted(legs)).pooled.rows
        assert default.stages == {"encode": Milliseconds(2.0, 2.0), "fuse": Milliseconds(1.0, 1.0)}
        assert set(words.stages) == {"fuse"}
        assert default.n_timed == 24
        assert 0 < default.whole.median <= default.whole.p95

    def test_median_and_where_the_slowest_twentieth_begins(self) -> None:
        assert Milliseconds.of([n / 1000 for n in range(101)]) == Milliseconds(50.0, 95.0)
        assert Milliseconds.of([0.5]) == Milliseconds(500.0, 500.0)

    def test_data_sets_count_alike(self, tmp_path: Path) -> None:
        folders = [numbered(tmp_path / name, n) for name, n in (("大", 80), ("小", 8))]
        report = ablate(folders, Settings(), [variant_of("m=search.mode=dense")], opener=Scripted(legs))
        large, small = (on.rows[1].difference for on in report.datasets)
        assert large is not None and small is not None  # noqa: PT018
        (_, together) = report.pooled.rows
        assert together.difference == pytest.approx((large + small) / 2)
        assert small == pytest.approx(10 * large)
        assert (together.n, together.n_timed) == (88, 88)

    def test_searches_that_did_without_something_are_counted(self, dataset: Path) -> None:
        script = Scripted(legs, degraded=lambda s: ("dense: away",) if s.search.mode == "dense" else ())
        assert [row.degraded for row in ablate([dataset], Settings(), LEGS, opener=script).pooled.rows] == [0, 0, 24]

    def test_candidates_are_as_set_where_they_differ(self, dataset: Path) -> None:
        report = ablate([dataset], Settings(), [variant_of("few=search.candidates=20")], opener=Scripted(legs))
        assert report.as_set
        assert not ablate([dataset], Settings(), LEGS, opener=Scripted(legs)).as_set

    def test_report_is_json(self, dataset: Path) -> None:
        shape = ablate([dataset], Settings(), LEGS, opener=Scripted(legs)).as_json()
        assert json.loads(json.dumps(shape)) == shape
        assert [row["variant"] for row in shape["pooled"]] == ["default", "lexical only", "dense only"]
        assert shape["pooled"][1]["settings"] == ["search.mode=lexical"]
        assert shape["pooled"][2]["nDCG@10"] == round(0.6309297535714575 * 16 / 24, 4)
        assert shape["datasets"][0]["dataset"] == "甲"


class TestCommand:
    def test_tells_people(self, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = [
            "--set",
            "encoder.name=hash",
            "--variant",
            "词=search.mode=lexical",
            "--variant",
            "同=search.mode=hybrid",
        ]
        assert main(["eval", "ablation", str(dataset), *given]) == 0
        caught = capsys.readouterr()
        lines = [line.split("\t") for line in caught.out.splitlines()]
        assert lines[0] == ["甲"]
        assert lines[1][:3] == ["variant", "nDCG@10", "difference"]
        assert [line[0] for line in lines[2:4]] == ["default", "词"]
        stages = next(line for line in lines[4:] if line[0] == "variant")
        assert {"encode", "lexical", "dense", "fuse", "read"} <= set(stages)
        assert "同 changes nothing and was not measured." in caught.err

    def test_json_and_report(self, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["--set", "encoder.name=hash", "--json", "--report", str(tmp_path / "a.json")]
        assert main(["eval", "ablation", str(dataset), *given]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == shape
        assert {"default", "lexical only", "dense only"} <= {row["variant"] for row in shape["pooled"]}
        assert shape["version"]
