"""docs/commands.md and docs/settings.md are current; docs/json.md has every key that is printed, and no other."""

import importlib.util
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun import assemble, samples
from qianxun.cli.demo import QUESTIONS
from qianxun.cli.main import commands, main
from qianxun.documents.registry import BUILT_IN, SOURCE_CODE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
EXAMPLES = {name: json.loads(text) for name, text in re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL)}
# Objects whose keys are names of stages, models, indexes, …: their keys are not compared, their values are.
NAMED = {"files", "stages", "timings", "models", "indexes", "checked", "versions", "extras", "skipped_suffixes"}


def keys_of(value: Any, path: str = "") -> set[str]:
    """Every key in a document as a path: `hits[].stages.*.rank`."""
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item, f"{path}[]")}
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, item in value.items():
        name = "*" if path.rpartition(".")[2] in NAMED else key
        inner = f"{path}.{name}" if path else name
        found |= {inner} | keys_of(item, inner)
    return found


@pytest.fixture(scope="module")
def make_docs() -> Any:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands.md", "settings.md"])
def test_generated_page_is_current(page: str, make_docs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", make_docs.COLUMNS)
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == make_docs.pages()[ROOT / "docs" / page], (
        "run: python tools/make_docs.py"
    )


def test_every_command_has_a_section_in_both_pages() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for _, group in commands():
        for name, _ in group:
            assert f"\n## {name}\n" in written
            assert name.replace(" ", "_") in EXAMPLES or name in ("label", "mcp", "serve", "watch")


def test_every_exit_code_is_documented() -> None:
    from qianxun import errors
    from qianxun.cli import main as module

    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    for code in codes | {0, module.STOPPED, module.BROKEN_PIPE, module.UNEXPECTED}:
        assert f"\n| {code} | " in written


@pytest.fixture(scope="module")
def knowledge_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small files added through the command line, one of them broken."""
    folder = tmp_path_factory.mktemp("json")
    documents = folder / "documents"
    documents.mkdir()
    (documents / "制度.md").write_text(
        "# 报销制度\n\n## 住宿\n\n去上海出差，每晚住宿限额为 650 元。\n", encoding="utf-8"
    )
    (documents / "leave.txt").write_text("Annual leave is ten days a year.\n", encoding="utf-8")
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (documents / "figures.mp4").write_text("a,b\n1,2\n", encoding="utf-8")
    return folder


Json = Callable[..., Any]


@pytest.fixture
def run(knowledge_base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Json:
    """Runs a command on the knowledge base and gives its exit code and its JSON."""
    monkeypatch.chdir(knowledge_base)
    monkeypatch.setattr(sys, "argv", ["qianxun"])
    if not (knowledge_base / "kb" / "knowledge.db").exists():
        assert main(["add", "documents", "--kb", "./kb"]) == 3
        capsys.readouterr()

    def ran(*argv: str) -> Any:
        code = main([*argv, "--json", "--kb", "./kb"])
        printed = capsys.readouterr().out
        return code, json.loads(printed) if printed else None

    return ran


def agree(shape: Any, name: str, *, may_lack: frozenset[str] = frozenset()) -> None:
    documented, printed = keys_of(EXAMPLES[name]), keys_of(shape)
    assert printed - documented == set(), "printed, but not in docs/json.md"
    assert {key for key in documented - printed if key not in may_lack} == set(), "in docs/json.md, but not printed"


def test_add(run: Json) -> None:
    code, shape = run("add", "documents", "--retry")
    assert code == 3
    agree(shape, "add")


def test_search(run: Json) -> None:
    code, shape = run("search", "住宿限额", "-k", "2")
    assert code == 0
    of_signals = {f"hits[].contributions[].{key}" for key in ("signal", "value", "weight", "effect")}
    agree(shape, "search", may_lack=frozenset({*of_signals, "notes[]"}))
    first = shape["hits"][0]
    text = run("show", str(first["document"]), "--text")[1]["text"]
    assert text[first["start"] : first["end"]] == first["text"]
    assert first["source"].endswith("制度.md")


def test_prompts(run: Json, knowledge_base: Path) -> None:
    agree(run("prompts")[1], "prompts", may_lack=frozenset({"text"}))
    assert run("prompts", "answer.zh", "--copy") == (0, None)
    code, shape = run("prompts", "answer.zh")
    assert code == 0
    agree(shape, "prompts")
    assert [one["own"] for one in shape["prompts"]] == [True]
    (knowledge_base / "kb" / "prompts" / "answer.zh.txt").unlink()


def test_feedback(run: Json, tmp_path: Path) -> None:
    hit = run("search", "住宿限额")[1]["hits"][0]["chunk"]
    code, shape = run("feedback", "record", "up", "住宿限额", str(hit))
    assert code == 0
    agree(shape, "feedback_record")
    assert "contributions" in run("search", "住宿限额")[1]["hits"][0]
    agree(run("feedback")[1], "feedback")
    agree(run("feedback", "export", str(tmp_path / "pairs.jsonl"))[1], "feedback_export")
    agree(run("feedback", "erase", shape["token"])[1], "feedback_erase")
    assert run("feedback")[1]["up"] == 0


def test_eval_make_and_answers(run: Json, tmp_path: Path) -> None:
    file = str(tmp_path / "questions.jsonl")
    code, shape = run("eval", "make", file, "-n", "5")
    assert code == 0
    agree(shape, "eval_make", may_lack=frozenset({"dropped.repeated", "degraded[]"}))
    lines = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    accepted = [{**line, "status": "accepted"} if "status" in line else line for line in lines]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in accepted)
    Path(file).write_text(text, encoding="utf-8")
    code, shape = run("eval", "answers", file)
    assert code == 0
    printed, documented = keys_of(shape), keys_of(EXAMPLES["eval_answers"])
    assert {key for key in printed - documented if not key.startswith(("degraded.", "verdicts."))} == set()
    assert {key for key in documented - printed if not key.startswith(("degraded.", "verdicts.", "left_out"))} == set()


def test_tune(run: Json, tmp_path: Path) -> None:
    pairs = []
    for n in range(24):
        (tmp_path / f"{n}.md").write_text(
            f"# 第 {n} 项\n\n编号 LF-{1000 + 7 * n} 的限额为 {n} 元。\n", encoding="utf-8"
        )
        pairs.append({"question": f"LF-{1000 + 7 * n} 的限额？", "source": str(tmp_path / f"{n}.md")})
    assert run("add", str(tmp_path))[0] == 0
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")
    code, shape = run("tune", str(file), "--dry-run", "--only", "search")
    assert code == 0, shape
    lacking = {"values.search.dense_weight", "left_out[].key", "left_out[].reason"}
    agree({**shape, "values": {}}, "tune", may_lack=frozenset(lacking))
    assert set(run("tune", "--reset")[1]) == {"reset", "version"}


def test_tuning_of_models_is_documented() -> None:
    from qianxun.evaluation.comparison import compared
    from qianxun.evaluation.pairs import LeftOut
    from qianxun.records import AcceptedPair
    from qianxun.training.recipe import Recipe
    from qianxun.training.report import Plan, TuneReport

    left = LeftOut(AcceptedPair("q", "s"), "no document")
    for role in ("reranker", "encoder"):
        plan = Plan(role, "m", "p", Path("f"), Recipe(), 1, 1, 1, 0, 1, 1, 0, 0, 1, [left])  # type: ignore[arg-type]
        report = TuneReport(plan, proof=compared([0.0] * 9, [1.0] * 9), losses=(1.0, 0.5))
        agree({**report.as_json(), "version": ""}, f"tune_{role}")


def test_ask(run: Json) -> None:
    code, shape = run("ask", "去上海出差每晚住宿限额是多少元？")
    assert code == 0
    agree(shape, "ask")
    cited = shape["citations"][0]
    text = run("show", str(cited["document"]), "--text")[1]["text"]
    assert text[cited["start"] : cited["end"]] == cited["quote"]
    assert "650" in shape["answer"]


def test_summarize_and_ask_of_whole_documents(run: Json) -> None:
    code, shape = run("summarize", "*.md", "--sentences", "2")
    assert code == 0
    agree(shape, "summarize", may_lack=frozenset({"usage.prompt_tokens", "usage.completion_tokens"}))
    assert "650" in shape["answer"]
    coverage = run("ask", "每晚住宿限额是多少元？", "--document", "*.md")[1]["coverage"]
    assert keys_of(coverage) == keys_of(EXAMPLES["summarize"]["coverage"])
    plan = run("ask", "住宿限额和年假分别是多少？", "--deep", "2")[1]["plan"]
    agree({"plan": plan}, "plan")


def test_conversations(run: Json, tmp_path: Path) -> None:
    code, first = run("ask", "--conversation", "new", "去上海出差每晚住宿限额是多少元？")
    assert code == 0
    agree(first, "ask")
    token = first["conversation"]
    code, second = run("ask", "--conversation", token[:10], "那年假呢？")
    assert (code, second["conversation"]) == (0, token)
    assert second["searched"] != "那年假呢？"
    agree(run("conversations")[1], "conversations")
    shape = run("conversations", "show", token)[1]
    example = EXAMPLES["conversations_show"]
    assert set(shape) == set(example)
    assert [set(turn) for turn in shape["turns"]] == [set(example["turns"][0])] * 2
    assert set(shape["turns"][0]["answer"]) | {"conversation"} == set(EXAMPLES["ask"])
    assert shape["turns"][0]["answer"]["answer"] == first["answer"]
    file = tmp_path / "talk.json"
    code, exported = run("conversations", "export", token[:8], "--format", "json", "--out", str(file))
    assert code == 0
    agree(exported, "conversations_export")
    assert json.loads(file.read_text(encoding="utf-8")) == shape
    agree(run("conversations", "rename", token, "出差", "与年假")[1], "conversations_rename")
    assert run("conversations")[1]["conversations"][0]["title"] == "出差 与年假"
    code, shape = run("conversations", "delete", token, "--yes")
    assert code == 0
    agree(shape, "conversations_delete")
    assert run("conversations", "show", token)[0] == 4


def test_events_of_answers_are_documented() -> None:
    from qianxun.answering.events import Checked, Done, Mark, Shown, Text, Withdrawn
    from qianxun.answering.telling import Ended, Told
    from qianxun.records import Answer, Span, Statement
    from qianxun.shapes import told_shape

    statement = Statement("x", Span(0, 1), (), "absent")
    events = (Shown(()), Text("x"), Mark("[1]", (1,), Span(0, 3)), Checked(statement, ()), Withdrawn(""))
    answer = Answer("q", "", "no_evidence", (), (), {}, {})
    shapes = [told_shape(Told(1, 1, event)) for event in (*events, Done(answer), Ended("failed"), Ended("removed"))]
    assert [set(shape) for shape in shapes] == [set(example) for example in EXAMPLES["events"]]
    assert [shape["event"] for shape in shapes] == [example["event"] for example in EXAMPLES["events"]]
    assert set(shapes[3]["statement"]) == set(EXAMPLES["events"][3]["statement"])


def test_list_and_label(run: Json) -> None:
    code, shape = run("list")
    assert code == 0
    agree(shape, "list")
    code, shape = run("label", str(shape["documents"][0]["id"]), "--add", "hr")
    assert code == 0
    agree(shape, "list")
    assert "hr" in shape["documents"][0]["labels"]


def test_sources(run: Json) -> None:
    code, shape = run("sources")
    assert code == 0
    assert keys_of(shape) == keys_of(EXAMPLES["sources"])
    code, shape = run("sources", "documents")
    assert code == 0
    assert set(shape["files"][0]) == set(EXAMPLES["source_files"]["files"][0])
    assert {file["status"] for file in shape["files"]} <= {"indexed", "unchanged", "failed"}


def test_show(run: Json) -> None:
    ready = [d for d in run("list")[1]["documents"] if d["status"] == "ready"]
    _, shape = run("show", str(ready[0]["id"]), "--text", "--chunks")
    _, chunk = run("show", str(shape["chunks"][0]["chunk"]), "--around", "1", "--section")
    assert set(shape) | set(chunk) == set(EXAMPLES["show"])
    assert keys_of(shape["document"]) == keys_of(EXAMPLES["list"]["documents"][0])
    assert set(chunk["chunk"]) == set(EXAMPLES["search"]["hits"][0])


def test_check_info_rebuild_compact(run: Json) -> None:
    code, shape = run("check")
    assert (code, shape["problems"]) == (0, [])
    problem = frozenset({"problems[].kind", "problems[].where", "problems[].name", "problems[].detail"})
    agree(shape, "check", may_lack=problem)
    _, shape = run("info")
    assert keys_of(shape) - {f"documents.{name}" for name in shape["documents"]} == keys_of(EXAMPLES["info"]) - {
        "documents.ready",
        "documents.failed",
    }
    agree(run("rebuild")[1], "rebuild")
    agree(run("compact")[1], "compact")


def test_remove_and_errors(run: Json, knowledge_base: Path) -> None:
    (knowledge_base / "documents" / "more.txt").write_text("A text that will go.\n", encoding="utf-8")
    run("add", "documents/more.txt")
    code, shape = run("remove", "documents/more.txt", "--dry-run")
    assert code == 0
    assert set(shape) == {"dry_run", "would_remove", "version"}
    code, shape = run("remove", "documents/more.txt", "--yes")
    assert code == 0
    agree(shape, "remove")
    code, shape = run("remove", "documents/more.txt", "--yes")
    assert code == 4
    agree(shape, "error")


def test_doctor_init_version(run: Json, tmp_path: Path) -> None:
    _, shape = run("doctor")
    more = {key for key in keys_of(shape) if key.startswith(("paths.indexes", "paths.bytes"))}
    missing = keys_of(EXAMPLES["doctor"]) - keys_of(shape)
    assert keys_of(shape) - keys_of(EXAMPLES["doctor"]) == more
    assert missing <= {"problems[].problem", "problems[].remedy"}
    agree(run("version")[1], "version")
    code, shape = run("init", "--yes", "--config", str(tmp_path / "new.toml"))
    assert code == 0
    agree(shape, "init")


def test_eval_retrieval(run: Json, tmp_path: Path) -> None:
    lines = {
        "corpus.jsonl": [
            {"_id": "a", "title": "", "text": "住宿限额"},
            {"_id": "b", "title": "", "text": "annual leave"},
        ],
        "queries.jsonl": [{"_id": "q", "text": "annual leave days"}],
    }
    for name, rows in lines.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tb\t1\n", encoding="utf-8")
    code, shape = run("eval", "retrieval", str(tmp_path))
    assert code == 0
    missing = {"results[].degraded[].what", "results[].degraded[].searches"}
    example = keys_of(EXAMPLES["eval_retrieval"]) - missing
    assert keys_of(shape) - {"seconds.dense", "seconds.hybrid"} == example | {"models.*"}
    assert [row["nDCG@10"] for row in shape["results"]] == [1.0, 1.0, 1.0]
    code, shape = run("eval", "retrieval", str(tmp_path), str(tmp_path), "--mode", "lexical")
    assert [len(report["results"]) for report in shape["reports"]] == [1, 1]
    code, shape = run(
        "eval", "compare", "search.mode=dense", "search.mode=lexical", "--dataset", str(tmp_path), "--fail-if-drop", "0"
    )
    assert code == 0
    may_lack = {f"datasets[].changed[].{key}" for key in ("id", "text", "a", "b")}
    may_lack |= {f"notes[].{key}" for key in ("kind", "side", "n", "first")}
    may_lack |= {f"gate.reasons[].{key}" for key in ("kind", "dataset", "drop", "p")}
    agree(shape, "eval_compare", may_lack=frozenset(may_lack))
    code, shape = run("eval", "ablation", str(tmp_path))
    assert code == 0
    agree(shape, "eval_ablation")


def test_adapt(run: Json, knowledge_base: Path) -> None:
    lines = [{"question": f"annual leave, case {n}", "source": "leave.txt"} for n in range(60)]
    lines.append({"question": "annual leave", "source": "gone.txt"})
    file = knowledge_base / "pairs.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    code, shape = run("adapt", str(file))
    assert code == 0
    agree(shape, "adapt")
    assert (shape["verdict"], shape["kept"]) == ("not better", False)  # there is nothing better than the first place
    assert set(run("adapt", "--remove")[1]) == {"removed", "version"}


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_embed_rerank_generate(run: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, made in (("rerankers", "Longest"), ("generators", "Parrot")):
        table: Any = assemble.BUILT_IN[kind]
        monkeypatch.setitem(table, made.lower(), f"test_engines:{made}")
    typed("年假有几天？\n\nannual leave\n", monkeypatch)
    code, shape = run("embed", "--query", "--set", "encoder.name=builtin")
    assert code == 0
    agree(shape, "embed")
    norms = [round(sum(number * number for number in row), 3) for row in shape["vectors"]]
    assert norms == [1.0, 0.0, 1.0]
    typed("一\n" + "二" * 600 + "\n", monkeypatch)
    code, shape = run("rerank", "多长？", "--set", "reranker.name=longest")
    assert code == 0
    agree(shape, "rerank")
    assert [row["label"] for row in shape["results"]] == ["no", "yes"]
    code, shape = run("generate", "你好", "--set", "generator.name=parrot")
    assert code == 0
    agree(shape, "generate")
    assert shape["usage"] == {"prompt_tokens": 100, "completion_tokens": 12}


def test_reindex(run: Json, monkeypatch: pytest.MonkeyPatch, knowledge_base: Path) -> None:
    pairs = knowledge_base / "accepted.jsonl"
    pairs.write_text(json.dumps({"question": "annual leave", "source": "leave.txt"}) + "\n", encoding="utf-8")
    code, shape = run("reindex", "--encoder", "hash", "--dry-run", "--eval", str(pairs))
    assert code == 0
    agree(shape, "reindex")


def test_models(run: Json, tmp_path: Path) -> None:
    code, shape = run("models", "list")
    assert code == 0
    agree(shape, "models_list")
    code, shape = run("models", "plan", "Qwen/Qwen2.5-7B-Instruct", "--gpu", "24GiB", "--context", "4096")
    assert code == 0
    agree(shape, "models_plan")
    assert shape["parameters"] == 7_615_616_512
    assert run("models", "plan", "--gpu", "8GiB", "--gpus", "1")[0] == 1
    code, shape = run("models", "plan", "--compare", "--gpu", "a100", "--gpu-price", "20", "--hosted-price", "0.5,1")
    assert code == 0
    agree(shape, "models_compare")
    assert [way["way"] for way in shape["ways"]] == ["fp16", "awq-int4", "hosted"]
    code, shape = run("models", "serve", "--set", "profile=qwen-vllm", "--set", "encoder.name=http")
    assert code == 0
    agree(shape, "models_serve")
    code, shape = run(
        "models", "check", "reranker", "--set", "reranker.url=http://127.0.0.1:9/v1", "--set", "remote.retries=0"
    )
    assert code == 76
    agree(shape, "models_check")
    assert shape["models"][0]["checks"][0]["check"] == "answers"


def test_demo(run: Json, tmp_path: Path) -> None:
    code, shape = run("demo", "--dir", str(tmp_path / "demo"))
    assert code == 0
    assert set(shape) == set(EXAMPLES["demo"])
    assert shape["add"]["added"] == 30
    assert [source["source"].endswith("损坏的扫描件.pdf") for source in shape["add"]["failed"]] == [True]
    rows = (Path(samples.__file__).parent / "questions.jsonl").read_text("utf-8").splitlines()
    known = [json.loads(row) for row in rows]
    for answer in shape["answers"]:
        (expected,) = [row for row in known if row["question"] == answer["question"]]
        assert answer["verdict"] == "answered"
        assert expected["answer"] in answer["answer"]
        assert any(cited["source"].endswith(expected["source"]) for cited in answer["citations"])
    assert [re.sub("-.*", "", row["id"]) for row in known if row["question"] in QUESTIONS] == ["zh", "en", "x"]


def test_every_kind_of_file_is_in_the_documents_page() -> None:
    page = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
    assert [suffix for suffix in set(BUILT_IN) - set(SOURCE_CODE) if f"`{suffix}`" not in page] == []


def test_extract(run: Json, tmp_path: Path) -> None:
    from qianxun.testing import ScriptedServer

    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    (tmp_path / "a.txt").write_text("姓名：張偉", encoding="utf-8")
    with ScriptedServer(lambda request: '{"name": "张伟"}') as server:
        words = ["extract", "--schema", str(tmp_path / "schema.json"), "--set", f"generator.url={server.url}"]
        code, shape = run(*words, str(tmp_path / "a.txt"))
        assert (code, shape["results"][0]["fields"]) == (0, EXAMPLES["extract"]["results"][0]["fields"])
        agree(shape, "extract")
        assert run(*words, str(tmp_path / "a.txt"), "--out", str(tmp_path / "o.jsonl"))[1]["results"] == []
    row = json.loads((tmp_path / "o.jsonl").read_text(encoding="utf-8"))
    more = {"digest", "schema", "model", "qianxun_extract"}
    assert set(row) == (set(EXAMPLES["extract"]["results"][0]) - {"kept"}) | more


def test_keys(run: Json) -> None:
    code, made = run("keys", "create", "张三", "--label", "hr,public", "--base", "kb", "--until", "90d")
    assert code == 0
    agree(made, "keys_create")
    id_ = made["keys"][0]["id"]
    code, rotated = run("keys", "rotate", "张三", "--keep", "1h")
    agree(rotated, "keys_rotate")
    assert rotated["secret"] != made["secret"]
    agree(run("keys")[1], "keys", may_lack=frozenset({"keys[].labels[]"}))
    code, revoked = run("keys", "revoke", id_)
    agree(revoked, "keys_revoke")
    assert revoked["keys"][0]["revoked"]


def test_jobs(run: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    from qianxun.storage.jobs import Jobs
    from qianxun.storage.service import open_service

    home = tmp_path / "home"
    monkeypatch.setenv("QIANXUN_HOME", str(home))
    monkeypatch.setenv("QIANXUN_ENCODER__NAME", "hash")
    assert run("jobs")[1]["jobs"] == []
    assert run("jobs", "show", "abc")[0] == 4
    qianxun.open(home / "kb" / "人事").close()
    jobs = Jobs(open_service(home))
    request.addfinalizer(jobs.close)
    schedule = jobs.submit("check", "人事", schedule="nightly")
    gone, stopped = jobs.submit("add", "没有", arguments={"files": [{"source": "a.txt"}]}), jobs.submit("sync", "人事")
    code, shape = run("jobs", "cancel", stopped.token[:8])
    assert (code, shape["jobs"][0]["state"]) == (0, "cancelled")
    agree(shape, "jobs_cancel")
    agree(run("jobs", "run", "--set", "jobs.nice=0")[1], "jobs_run")
    code, shape = run("jobs", "--state", "done")
    assert [job["job"] for job in shape["jobs"]] == [schedule.token]
    agree(shape, "jobs")
    code, shape = run("jobs", "show", gone.token[:10])
    assert (code, shape["state"]) == (0, "failed")
    agree(shape, "jobs_show")
    agree(run("jobs", "schedules")[1], "jobs_schedules")
