"""The dashboard, the rules and the configuration that we ship, in a real Prometheus over a real service under load."""

import json
import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_metrics import DCGM, VLLM

import qianxun
from qianxun.service.monitoring.dashboard import queries
from qianxun.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
installed = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian) is not installed")


@pytest.fixture(autouse=True)
def bench_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@installed
def test_every_query_of_the_dashboard_has_data_after_a_load(tmp_path: Path) -> None:
    from bench.watched import table, watched

    base = tmp_path / "大"
    with qianxun.open(base, settings=load_settings(overrides=["encoder.name=hash", "reading.workers=1"])) as kb:
        kb.add_texts(qianxun.TextItem(f"{n}", f"制度{n}", f"第{n}条：加班費須經核准。Pump {n}.") for n in range(50))
    questions = [f"第{n}条 加班費" for n in range(50)]
    found = watched(base, questions, clients=4, seconds=3, engine="hash", patience=90)
    assert found.without_data == [], table(found)
    assert found.unmoved == [], table(found)
    assert found.wrong == []
    assert len(found.shown) == len(queries()) + 1
    assert set(found.searches["replies"]) == {"200"}
    # What was done beside the searches came as it should: the panels show that.
    for name in (
        "upload done", "check done", "conversation 201", "search for nothing 200", "ask anew 200", "ask, streamed 200",
        "ask a model that fails 200", "ask, crowded 503", "search beyond the limit 429", "nowhere 404",
    ):  # fmt: skip
        assert found.beside.get(name), found.beside


def test_the_exporters_say_what_vllm_and_the_dcgm_exporter_say() -> None:
    from bench.prometheus import gpu_text, vllm_text

    families = text_string_to_metric_families(vllm_text("Qwen3", 3.0) + gpu_text(3.0))
    assert {sample.name for family in families for sample in family.samples} == VLLM | DCGM


def test_of_the_shipped_configuration_only_addresses_and_intervals_are_changed(tmp_path: Path) -> None:
    from bench.prometheus import configured
    from qianxun.service.monitoring import RULES, SCRAPE, files

    addresses = [f"127.0.0.1:{port}" for port in (1, 2, 3, 4, 5)]
    changed = configured(tmp_path, addresses[0], addresses[1:]).read_text(encoding="utf-8").splitlines()
    shipped = files()[SCRAPE].splitlines()
    assert len(changed) == len(shipped)
    other = [(old.strip(), new.strip()) for old, new in zip(shipped, changed, strict=True) if old != new]
    assert [new for _, new in other] == [
        "scrape_interval: 1s", "evaluation_interval: 1s", f'- targets: ["{addresses[0]}"]',
        f"- targets: {json.dumps(addresses[1:4])}", f'- targets: ["{addresses[4]}"]',
    ]  # fmt: skip
    assert (tmp_path / RULES).read_text(encoding="utf-8") == files()[RULES]
