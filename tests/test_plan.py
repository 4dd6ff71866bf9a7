"""What fits on a GPU: numbers that a person can work out, and the true sizes of real models."""

import json
from pathlib import Path

import pytest

from qianxun.errors import InputError, SettingsError
from qianxun.messages import set_language
from qianxun.models.planning.compare import GPUS, Prices, Workload, compare, gpu_named, read_measured
from qianxun.models.planning.known_shapes import known_names, known_shape
from qianxun.models.planning.memory import GIB, Wanted, fit, gpu_memory, parallel_sizes
from qianxun.models.planning.plan import Plan, find_shape, memory_bytes, plan, role_of
from qianxun.models.planning.shapes import Shape, shape_of
from qianxun.models.planning.weights import FORMS, form_of, parts_in_bytes, weight_bytes
from qianxun.settings import Settings

QWEN_7B = "Qwen/Qwen2.5-7B-Instruct"
# As in the config.json of Qwen2.5-7B-Instruct.
CONFIG_7B = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32768,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": False,
}
# Two layers of two heads: small enough to count on paper.
SMALL = {
    "model_type": "qwen2",
    "vocab_size": 100,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}


def known(name: str) -> Shape:
    found = known_shape(name)
    assert found is not None
    return found


def test_parameters_of_a_small_model_are_those_counted_by_hand() -> None:
    shape = shape_of(SMALL, "small")
    # A layer: q 8×8 + k 4×8 + v 4×8 + o 8×8 = 192, biases 8 + 4 + 4 = 16, MLP 3 × 8×16 = 384, two norms of 8 = 16.
    assert shape.n_parameters() == 100 * 8 + 2 * (192 + 16 + 384 + 16) + 8 + 100 * 8
    assert shape.n_parameters(head=False) == shape.n_parameters() - 800
    assert shape_of({**SMALL, "tie_word_embeddings": True}, "tied").n_parameters() == shape.n_parameters() - 800
    # 2 layers × 1 KV head × 4 numbers × key and value × 2 bytes.
    assert shape.kv_bytes_per_token() == 32


def test_a_qwen3_layer_has_no_biases_but_norms_of_queries_and_keys() -> None:
    shape = shape_of({**SMALL, "model_type": "qwen3", "head_dim": 6}, "small")
    # q 12×8, k and v 6×8, o 8×12 = 288; MLP 384; two norms of 8; norms of query and key of 6.
    assert shape.n_parameters() == 800 + 2 * (288 + 384 + 16 + 12) + 8 + 800


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768),
        (QWEN_7B, 7_615_616_512),
        ("Qwen/Qwen2.5-72B-Instruct", 72_706_203_648),
        # Its model.safetensors has 1,191,586,416 bytes: two for each parameter, and the header.
        ("Qwen/Qwen3-Embedding-0.6B", 595_776_512),
        ("Qwen/Qwen3-Reranker-0.6B", 595_776_512),
    ],
)
def test_parameters_of_published_models_are_those_they_have(name: str, parameters: int) -> None:
    assert known(name).n_parameters() == parameters


def test_an_embedding_model_is_counted_without_the_head_it_does_not_use() -> None:
    assert known("Qwen/Qwen3-Embedding-8B").n_parameters(head=False) == 7_567_295_488


def test_the_table_of_known_models_agrees_with_a_config() -> None:
    from_file, from_table = shape_of(CONFIG_7B, QWEN_7B), known(QWEN_7B)
    assert from_file.matrices() == from_table.matrices()
    assert (from_file.positions, from_file.rope_theta) == (from_table.positions, from_table.rope_theta)


def test_every_known_model_is_found_by_its_name_and_says_what_is_not_confirmed() -> None:
    for name in known_names():
        assert known(name).source == ("partly known" if name.endswith(("Reranker-4B", "Reranker-8B")) else "known")
        assert role_of(name) == ("generator" if "Qwen2.5" in name else "encoder" if "Embed" in name else "reranker")
    assert known_shape("Qwen/Qwen2.5-7B") is None


def test_newer_configs_keep_the_rotary_base_elsewhere() -> None:
    newer = {key: value for key, value in CONFIG_7B.items() if key != "rope_theta"}
    newer["rope_parameters"] = {"rope_type": "default", "rope_theta": 1_000_000.0}
    assert shape_of(newer, "newer").rope_theta == 1_000_000.0


@pytest.mark.parametrize("maker", ["make_embedding", "make_reranker", "make_chat"])
def test_parameters_are_the_sum_of_the_tensors_of_a_checkpoint(maker: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    tiny_models = pytest.importorskip("tiny_models")
    folder: Path = getattr(tiny_models, maker)(tmp_path / "model")
    tensors = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        header.pop("__metadata__", None)
        for tensor in header.values():
            size = 1
            for dimension in tensor["shape"]:
                size *= dimension
            tensors += size
    shape = shape_of(json.loads((folder / "config.json").read_text(encoding="utf-8")), "tiny")
    assert shape.n_parameters() == tensors


@pytest.mark.parametrize(
    "form, n_bytes",
    [
        ("bf16", 15_231_233_024),  # two bytes for each of 7,615,616,512
        # Of 6,525,288,448 numbers in the layers: half a byte each, and for each 128 a scale of 2 and a zero of half.
        ("awq-int4", 6_525_288_448 // 2 + 6_525_288_448 // 128 * 5 // 2 + 2 * (7_615_616_512 - 6_525_288_448)),
    ],
)
def test_weights_of_the_7b_take_these_bytes(form: str, n_bytes: int) -> None:
    assert weight_bytes(known(QWEN_7B), form) == n_bytes  # type: ignore[arg-type]


def test_forms_take_as_much_as_published_files() -> None:
    """Sizes of files as their publishers give them; a file holds a tokenizer or a header beside the weights."""
    seven = known(QWEN_7B)
    in_gib = {form: weight_bytes(seven, form) / GIB for form in FORMS}
    assert in_gib["bf16"] == pytest.approx(14.19, abs=0.01)
    assert in_gib["gguf-q4_k_m"] == pytest.approx(4.36, abs=0.01)
    assert in_gib["gguf-q8_0"] == pytest.approx(7.54, abs=0.01)
    # 1,024 and 896 divide unlike: rows of 896 fall back to blocks of 32 numbers. The published file has 397 MB.
    assert weight_bytes(known("Qwen/Qwen2.5-0.5B-Instruct"), "gguf-q4_k_m") / 1e6 == pytest.approx(392, abs=1)


def test_int4_leaves_embeddings_and_head_alone() -> None:
    parts = {part.part: part for part in parts_in_bytes(known(QWEN_7B), "gptq-int4")}
    assert parts["embedding"].bits == parts["head"].bits == 16
    assert parts["linear"].bits == pytest.approx(4.16, abs=0.01)


def test_the_published_int4_of_the_72b_is_padded_so_that_it_can_be_divided() -> None:
    plain, int4 = known("Qwen/Qwen2.5-72B-Instruct"), known_shape("Qwen/Qwen2.5-72B-Instruct-AWQ")
    assert int4 is not None
    assert (plain.intermediate, int4.intermediate) == (29_568, 29_696)
    assert parallel_sizes(plain, "bf16", 8) == [1, 2, 4, 8]
    assert parallel_sizes(plain, "awq-int4", 8) == [1]
    assert parallel_sizes(int4, "awq-int4", 8) == [1, 2, 4, 8]


def test_tensor_parallel_sizes_divide_the_heads() -> None:
    assert parallel_sizes(known(QWEN_7B), "bf16", 8) == [1, 2, 4]
    # Two KV heads: four GPUs hold each of them twice. 14 heads are not divided by 4.
    assert parallel_sizes(known("Qwen/Qwen2.5-0.5B-Instruct"), "bf16", 8) == [1, 2]
    assert parallel_sizes(known("Qwen/Qwen2.5-3B-Instruct"), "bf16", 8) == [1, 2, 4, 8]
    # Groups of 128 do not divide halves of 896.
    assert parallel_sizes(known("Qwen/Qwen2.5-0.5B-Instruct"), "awq-int4", 8) == [1]


def test_a_kv_head_is_held_whole_by_each_gpu() -> None:
    shape = known("Qwen/Qwen2.5-3B-Instruct")
    wanted = Wanted(24 * GIB)
    per_token = [fit(shape, wanted, "bf16", gpus).each.kv_per_token for gpus in (1, 2, 4, 8)]
    assert per_token == [36_864, 18_432, 18_432, 18_432]


def test_the_cache_of_the_7b_is_28_gib_for_16_contexts_of_32768() -> None:
    found = plan(known(QWEN_7B), Wanted(24 * GIB, context_tokens=32_768, concurrency=16))
    assert found.kv_bytes_per_token == 57_344
    assert found.kv_bytes == 28 * GIB
    assert found.weight_bytes == 15_231_233_024
    assert (found.fits, found.gpus) == (True, 4)
    assert [(each.gpus, each.full_sequences >= 16) for each in found.by_gpus] == [(1, False), (2, False), (4, True)]


def test_a_plan_that_does_not_fit_says_how_much_does() -> None:
    found = plan(known(QWEN_7B), Wanted(24 * GIB, context_tokens=32_768, concurrency=16, gpus=1))
    assert not found.fits
    one = found.by_gpus[0]
    room = int(24 * GIB * 0.9) - one.fixed
    assert found.full_sequences == room // 57_344 // 16 * 16 // 32_768 == 3
    assert found.longest_context == room // 57_344 // 16 // 16 * 16
    assert "of 1 none has room" in found.lines[7].because


def test_a_model_larger_than_the_gpu_has_no_room_for_anything() -> None:
    found = plan(known("Qwen/Qwen2.5-72B-Instruct"), Wanted(24 * GIB, gpus=1))
    assert (found.fits, found.full_sequences, found.longest_context) == (False, 0, 0)


def test_a_cache_in_eight_bits_takes_half() -> None:
    found = plan(known(QWEN_7B), Wanted(24 * GIB, kv_bytes=1))
    assert found.kv_bytes == 14 * GIB
    assert "--kv-cache-dtype fp8" in " ".join(found.command)


def test_every_number_is_explained() -> None:
    found = plan(known(QWEN_7B), Wanted(24 * GIB))
    said = {line.what: line for line in found.lines}
    assert said["parameters"].value == "7,615,616,512"
    assert "layers' matrices 6,525,288,448" in said["parameters"].because
    assert said["cache per token"].because == "28 layers × 4 KV heads × 128 × 2 (key and value) × 2 bytes"
    assert said["cache for all"].because == "57,344 bytes × 32,768 tokens × 16 at once"
    assert [line.what for line in found.lines if line.estimated] == ["a pass over a batch", "CUDA itself"]
    assert all(line.because for line in found.lines)


def test_a_plan_speaks_chinese() -> None:
    set_language("zh")
    found = plan(known(QWEN_7B), Wanted(24 * GIB), form="awq-int4")
    assert found.lines[1].what == "权重"
    assert "层" in found.lines[2].because
    assert all("。" in note for note in found.notes)


def test_the_command_is_that_of_todays_vllm() -> None:
    words = plan(known(QWEN_7B), Wanted(80 * GIB, context_tokens=8192, concurrency=32)).command
    assert words[:3] == ("vllm", "serve", QWEN_7B)
    assert option(words, "--max-model-len") == "8192"
    assert option(words, "--max-num-seqs") == "32"
    assert option(words, "--tensor-parallel-size") == "1"
    assert option(words, "--dtype") == "bfloat16"
    assert "--task" not in words
    assert "--hf-overrides" not in words


def test_int4_names_the_published_checkpoint_and_gguf_another_server() -> None:
    wanted = Wanted(24 * GIB, context_tokens=8192, concurrency=4)
    assert plan(known(QWEN_7B), wanted, form="awq-int4").command[2] == f"{QWEN_7B}-AWQ"
    assert plan(known(QWEN_7B), wanted, form="gptq-int4").command[2] == f"{QWEN_7B}-GPTQ-Int4"
    gguf = plan(known(QWEN_7B), wanted, form="gguf-q4_k_m").command
    assert gguf[0] == "llama-server"
    assert option(gguf, "--ctx-size") == str(8192 * 4)


def test_rerankers_get_what_makes_them_rerankers() -> None:
    words = plan(known("Qwen/Qwen3-Reranker-0.6B"), Wanted(24 * GIB, context_tokens=8192)).command
    assert option(words, "--runner") == "pooling"
    assert option(words, "--chat-template").endswith("qwen3_reranker.jinja")
    assert json.loads(option(words, "--hf-overrides"))["classifier_from_token"] == ["no", "yes"]


def test_long_contexts_ask_for_yarn_and_name_its_cost() -> None:
    found = plan(known(QWEN_7B), Wanted(80 * GIB, context_tokens=131_072, concurrency=2))
    assert json.loads(option(found.command, "--hf-overrides")) == {
        "max_position_embeddings": 131_072,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 1_000_000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 32_768,
        },
    }
    assert "131,072" in found.notes[0]
    assert "YaRN" in found.notes[0]


def test_a_context_beyond_yarn_is_refused() -> None:
    with pytest.raises(SettingsError, match="131072 tokens at most, and 200000"):
        plan(known(QWEN_7B), Wanted(80 * GIB, context_tokens=200_000))
    with pytest.raises(SettingsError, match="32768 tokens at most"):
        plan(known("Qwen/Qwen3-Embedding-0.6B"), Wanted(80 * GIB, context_tokens=40_000))


def test_a_model_is_planned_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "模型"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**SMALL, "quantization_config": {"quant_method": "awq"}}))
    shape = find_shape(str(folder), Settings())
    found = plan(shape, Wanted(GIB, context_tokens=64, concurrency=1))
    assert found.form == "awq-int4"
    assert found.command[2] == str(folder)


def test_a_model_that_is_nowhere_is_named() -> None:
    with pytest.raises(SettingsError, match="Qwen/Qwen9-1T is neither on this machine"):
        find_shape("Qwen/Qwen9-1T", Settings())


def test_a_kind_of_model_that_is_not_counted_is_refused() -> None:
    with pytest.raises(SettingsError, match="'bert'"):
        shape_of({"model_type": "bert"}, "some-bert")
    with pytest.raises(SettingsError, match="num_hidden_layers"):
        shape_of({key: value for key, value in SMALL.items() if key != "num_hidden_layers"}, "cut")


@pytest.mark.parametrize(
    "text, n_bytes",
    [
        ("24GiB", 24 * GIB),
        ("24 gib", 24 * GIB),
        ("24GB", 24_000_000_000),
        ("80g", 80 * GIB),
        ("24564MiB", 24564 * 2**20),
        ("1.5T", int(1.5 * 2**40)),
        ("２４ＧｉＢ", 24 * GIB),
    ],
)
def test_amounts_of_memory_are_read(text: str, n_bytes: int) -> None:
    assert memory_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "24", "24 apples", "GiB", "-3GiB", "0GiB", "很多"])
def test_other_texts_are_no_amount_of_memory(text: str) -> None:
    with pytest.raises(InputError, match="no amount of memory"):
        memory_bytes(text)


@pytest.mark.parametrize("changed", [{"concurrency": 0}, {"context_tokens": 0}, {"gpus": -1}, {"utilization": 1.5}])
def test_numbers_that_make_no_sense_are_refused(changed: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Wanted(**{"gpu_bytes": GIB, **changed})  # type: ignore[arg-type]


def test_forms_are_told_from_a_servers_settings() -> None:
    assert [form_of(name) for name in ("awq_marlin", "gptq", "fp8", "")] == ["awq-int4", "gptq-int4", "fp8", "bf16"]
    assert form_of("", "float16") == "fp16"


@pytest.mark.parametrize(
    "said, form",
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq-int4"),
        ({"quant_method": "gptq", "bits": 4}, "gptq-int4"),
        ({"quant_method": "gptq", "bits": 8}, "fp8"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 4}}}}, "gptq-int4"),
        ({"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 8}}}}, "fp8"),
        ({}, "bf16"),
    ],
)
def test_quantised_files_are_planned_as_they_are(said: dict[str, object], form: str) -> None:
    shape = shape_of({**SMALL, "quantization_config": said}, "quantised")
    assert plan(shape, Wanted(GIB, context_tokens=64, concurrency=1)).form == form


def test_gpus_of_a_machine_without_any_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() == ()


def test_comparison_derives_time_from_bandwidth_and_arithmetic() -> None:
    work = Workload(prompt_tokens=1000, answer_tokens=100, concurrency=1)
    card = gpu_named("mine", memory_bytes=24 * GIB, bytes_per_second=1e12, flops=100e12)
    rows = {row.name: row for row in compare(QWEN_7B, Settings(), gpu=card, workload=work)}
    matrices = 6_525_288_448
    reading = (2 * matrices * 1000 + 2 * 28 * 28 * 128 * 1000**2) / 50e12
    writing = 100 * (15_231_233_024 + 57_344 * 1050) / 0.7e12
    assert rows["fp16"].p95_seconds.value == pytest.approx(reading + writing)
    assert rows["fp16"].p95_seconds.origin == "derived"
    assert rows["awq-int4"].p95_seconds.value < rows["fp16"].p95_seconds.value  # type: ignore[operator]


def test_comparison_invents_no_price() -> None:
    rows = compare(QWEN_7B, Settings(), gpu=GPUS["l20"])
    assert [row.name for row in rows] == ["fp16", "awq-int4", "hosted"]
    assert {row.money_per_1000.origin for row in rows} == {"missing"}
    assert rows[-1].p95_seconds.origin == "missing"
    assert all(row.money_per_1000.because for row in rows)


def test_prices_given_become_money_for_a_thousand_questions() -> None:
    work = Workload(prompt_tokens=2000, answer_tokens=500, concurrency=8)
    prices = Prices(gpu_per_hour=3.6, hosted_prompt=0.5, hosted_answer=2.0, currency="CNY")
    own, _, hosted = compare(QWEN_7B, Settings(), gpu=GPUS["a100"], workload=work, prices=prices)
    # 3.6 an hour is a thousandth a second; eight answers share it.
    assert own.money_per_1000.value == pytest.approx((own.p95_seconds.value or 0) / 8)
    # (2,000 × 0.5 + 500 × 2) ÷ 1,000,000 × 1,000
    assert hosted.money_per_1000.value == pytest.approx(2.0)
    assert hosted.money_per_1000.words == "2.00 CNY"


def test_a_measured_figure_goes_over_a_derived_one(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text('{"fp16": {"p95_seconds": 4.2}, "hosted": {"p95_seconds": 3.1, "other": 1}}', encoding="utf-8")
    rows = compare(QWEN_7B, Settings(), gpu=GPUS["h20"], measured=read_measured(path))
    assert (rows[0].p95_seconds.value, rows[0].p95_seconds.origin) == (4.2, "measured")
    assert rows[0].memory_bytes.origin == "derived"
    assert (rows[2].p95_seconds.words, rows[2].p95_seconds.origin) == ("3.1 s", "measured")


@pytest.mark.parametrize("text", ["", "[]", '{"fp16": 3}', '{"fp16": {"p95_seconds": "fast"}}'])
def test_a_file_without_measurements_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="holds no measured figures"):
        read_measured(path)


def test_an_unknown_card_must_be_described() -> None:
    with pytest.raises(InputError, match="'B999' is not known"):
        gpu_named("B999")
    assert gpu_named("RTX 4090", memory_bytes=48 * GIB).memory_bytes == 48 * GIB


def option(words: tuple[str, ...], name: str) -> str:
    return words[words.index(name) + 1]


def test_plans_are_plain_data() -> None:
    assert isinstance(plan(known(QWEN_7B), Wanted(24 * GIB)), Plan)
