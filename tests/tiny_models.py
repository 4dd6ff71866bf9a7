"""Makes tiny checkpoints of the true architectures with random weights: whether two programs agree needs no more.

Each has a tokenizer of its own, trained on the sentences below in the form of the real one: Qwen's byte-level BPE
with its way of splitting and its special tokens, BERT's WordPiece, XLM-R's Unigram. Weights are drawn wide, norms and
biases are no ones and zeros, so that a part left out or applied twice changes the numbers.

Needs the extra `qwen`. Every function writes one checkpoint into a folder and returns the folder.
"""

import functools
import json
import re
import string
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TASK = "Given a web search query, retrieve relevant passages that answer the query"
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
# In the order of the real tokenizer. The second group is text to the decoder, not control.
SPECIAL_TOKENS = [
    END_OF_TEXT, TURN_START, TURN_END, "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
    "<|video_pad|>",
]  # fmt: skip
PLAIN_TOKENS = [
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
]  # fmt: skip
# The split of Qwen2's tokenizer.json.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The plain form of Qwen2.5-Instruct's template, without tools.
CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else -%}"
    "{{ '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}"
    "{%- endif -%}"
    "{%- for message in messages -%}{%- if not (message['role'] == 'system' and loop.first) -%}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)
SHAPE = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4}
STANDARD_DEVIATION = 0.15

SENTENCES = [
    "数据库连接超时的时候，先看连接池是不是用满了。",
    "员工入职满一年以后，每年有五天带薪年假。",
    "请在系统里提交报销单，财务部会在三个工作日内审核。",
    "北京是中华人民共和国的首都，上海是最大的城市。",
    "如果服务器没有响应，请检查防火墙和网络设置。",
    "合同到期前三十天，双方应当书面通知对方是否续签。",
    "这台机器的额定电压是二百二十伏，不能接到三百八十伏的电源上。",
    "病人应当在饭后服药，一天三次，每次两片。",
    "检索系统把文档切成小段，再把每一段变成向量。",
    "问题越短，检索越难；答案必须引用原文。",
    "软件的新版本修复了登录失败和导出乱码的问题。",
    "会议改到星期四下午两点，地点不变。",
    "資料庫連線逾時時，請先檢查連線池是否已滿。",
    "臺北分公司加班須事先申請，經主管核准後方可報支加班費。",
    "這份報告說明了去年的營業收入與支出。",
    "請於收到通知後七日內，將文件寄回總公司。",
    "圖書館的開放時間為上午九時至下午六時。",
    "發票號碼與金額必須與訂單一致。",
    "When the database connection times out, first check whether the pool is exhausted.",
    "Employees are entitled to five days of paid leave after one year of service.",
    "The retrieval system splits documents into passages and turns every passage into a vector.",
    "Please send the signed contract back to the head office within seven days.",
    "The server did not answer, so the client tried again after two seconds.",
    "What is the capital of China? The capital of China is Beijing.",
    "Gravity is the force that attracts two bodies towards each other.",
    "The meeting was moved to Thursday afternoon; the room remains the same.",
    "A relevant passage answers the question; an irrelevant passage does not.",
    "The new release repairs the login page and the export of reports.",
    "Invoices must show the number of the order and the amount to be paid.",
    "Every error message says what is wrong and what to do about it.",
    "The quick brown fox jumps over the lazy dog.",
    "用 Python 写的 API 返回 JSON，错误码是 HTTP 429。",
    "Release 2.3 于 2025 年 3 月 18 日发布，修复了 timeout 问题。",
    "在 GPU 上运行 Qwen 模型需要 CUDA，在 CPU 上可以用 bfloat16。",
    "把 max_tokens 设为 8192，把 temperature 设为 0。",
    "請用 SQL 查詢 orders 表，並把結果匯出成 CSV。",
    "Ｗｉｎｄｏｗｓ　１１　需要　８ＧＢ　內存。",
    "型号：ＡＢＣ－１２３；价格：￥９９９（含税）。",
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided.",
    'Note that the answer can only be "yes" or "no".',
    "You are a helpful assistant. system user assistant",
    f"Instruct: {TASK}\nQuery:",
    f"<Instruct>: {TASK}\n<Query>: \n<Document>: ",
]


def make_embedding(folder: Path, **changed: Any) -> Path:
    """Qwen3-Embedding: last token, `<|endoftext|>` appended, the query's prompt. `changed` goes over its config."""
    _write_qwen3(folder, seed=1, positions=32768, end=END_OF_TEXT, **changed)
    _save_tokenizer(_qwen_tokenizer(), folder, "Qwen2Tokenizer", appends=True)
    _write_sentence_files(
        folder, "pooling_mode_lasttoken", {"query": f"Instruct: {TASK}\nQuery:", "document": ""}, SHAPE["hidden_size"]
    )
    return folder


def make_reranker(folder: Path, **changed: Any) -> Path:
    """Qwen3-Reranker: `yes` and `no` are tokens, nothing is appended. `changed` goes over its config."""
    _write_qwen3(folder, seed=2, positions=40960, end=TURN_END, **changed)
    _save_tokenizer(_qwen_tokenizer(), folder, "Qwen2Tokenizer", chat_template=CHAT_TEMPLATE)
    return folder


def make_converted_reranker(folder: Path) -> Path:
    """Qwen3-Reranker as a sequence classifier of one number, which reads the same prompt."""
    from transformers import Qwen3Config, Qwen3ForSequenceClassification

    tokenizer = _qwen_tokenizer()
    config = Qwen3Config(**_qwen3_shape(40960, TURN_END), num_labels=1)
    config.pad_token_id = tokenizer.token_to_id(END_OF_TEXT)
    _save(Qwen3ForSequenceClassification, config, folder, seed=6)
    _save_tokenizer(tokenizer, folder, "Qwen2Tokenizer")
    return folder


def make_chat(folder: Path, **changed: Any) -> Path:
    """Qwen2.5-Instruct: the chat template and the sampling of its authors. `changed` goes over its config."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = _qwen_tokenizer()
    end, turn_end = tokenizer.token_to_id(END_OF_TEXT), tokenizer.token_to_id(TURN_END)
    values = {
        "vocab_size": tokenizer.get_vocab_size(),
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "max_position_embeddings": 32768,
        "bos_token_id": end,
        "eos_token_id": turn_end,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        **SHAPE,
        **changed,
    }
    _save(Qwen2ForCausalLM, Qwen2Config(**values), folder, seed=3)
    _write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": end,
            "pad_token_id": end,
            "eos_token_id": [turn_end, end],
            "do_sample": True,
            "temperature": 0.7,
            "top_p": 0.8,
            "top_k": 20,
            "repetition_penalty": 1.05,
        },
    )
    _save_tokenizer(tokenizer, folder, "Qwen2Tokenizer", chat_template=CHAT_TEMPLATE)
    return folder


def make_bert(folder: Path, pooling: str) -> Path:
    """A BERT with the sentence-transformers files of a pooling: "mean" or "cls"."""
    from transformers import BertConfig, BertModel

    tokenizer = _bert_tokenizer()
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=128, **SHAPE)
    _save(BertModel, config, folder, seed=4)
    _save_tokenizer(tokenizer, folder, "BertTokenizer", pad="[PAD]", longest=128)
    flag = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}[pooling]
    _write_sentence_files(folder, flag, {}, SHAPE["hidden_size"])
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False})
    return folder


def make_cross_encoder(folder: Path) -> Path:
    """A cross-encoder of bge-reranker's architecture: XLM-R with one number for a pair."""
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    tokenizer = _xlm_roberta_tokenizer()
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        num_labels=1,
        **SHAPE,
    )
    _save(XLMRobertaForSequenceClassification, config, folder, seed=5)
    _save_tokenizer(tokenizer, folder, "PreTrainedTokenizerFast", pad="<pad>", longest=512)
    return folder


# -- weights -----------------------------------------------------------------------------------------------


def _qwen3_shape(positions: int, end: str) -> dict[str, Any]:
    tokenizer = _qwen_tokenizer()
    return {
        "vocab_size": tokenizer.get_vocab_size(),
        "num_key_value_heads": 2,
        "head_dim": 64,  # not hidden size / heads, as in the real one
        "rms_norm_eps": 1e-6,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "max_position_embeddings": positions,
        "bos_token_id": tokenizer.token_to_id(END_OF_TEXT),
        "eos_token_id": tokenizer.token_to_id(end),
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        **SHAPE,
    }


def _write_qwen3(folder: Path, *, seed: int, positions: int, end: str, **changed: Any) -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    _save(Qwen3ForCausalLM, Qwen3Config(**{**_qwen3_shape(positions, end), **changed}), folder, seed=seed)


def _save(kind: Any, config: Any, folder: Path, *, seed: int) -> None:
    import torch
    from transformers.utils import logging

    config.initializer_range = STANDARD_DEVIATION
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        for name, values in model.named_parameters():
            if "norm" in name.lower() and name.endswith("weight"):
                torch.nn.init.normal_(values, 1.0, 0.2)
            elif name.endswith("bias"):
                torch.nn.init.normal_(values, 0.0, 0.1)
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(folder)
    finally:
        if showed_progress:
            logging.enable_progress_bar()


# -- tokenizers --------------------------------------------------------------------------------------------


@functools.cache
def _qwen_tokenizer() -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator([*SENTENCES * 3, "yes\nno\n" * 500], trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in PLAIN_TOKENS])
    return tokenizer


@functools.cache
def _bert_tokenizer() -> Any:
    """Every character, at the start of a word and within one, and the words of the English sentences."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    text = "\n".join(SENTENCES).lower()
    characters = sorted(set(text) - set(string.whitespace))
    words = sorted(set(re.findall(r"[a-z]{2,}", text)))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters), *words]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(pieces[:5])
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


@functools.cache
def _xlm_roberta_tokenizer() -> Any:
    """Every character, and the words of the English sentences as likelier pieces."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    text = unicodedata.normalize("NFKC", "\n".join(SENTENCES))
    characters = sorted(set(text) - set(string.whitespace))
    words = sorted(set(re.findall(r"[A-Za-z]{2,}", text)))
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(token, 0.0) for token in special] + [("▁", -3.0)]
    pieces += [(c, -9.0) for c in characters] + [(f"▁{word}", -7.0) for word in words]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, special.index(token)) for token in ("<s>", "</s>")],
    )
    return tokenizer


def _save_tokenizer(
    tokenizer: Any,
    folder: Path,
    kind: str,
    *,
    appends: bool = False,
    chat_template: str = "",
    pad: str = END_OF_TEXT,
    longest: int = 131072,
) -> None:
    from tokenizers import Tokenizer, processors

    saved = Tokenizer.from_str(tokenizer.to_str())
    config = {"tokenizer_class": kind, "model_max_length": longest, "pad_token": pad}
    if pad == END_OF_TEXT:
        config |= {"eos_token": TURN_END, "padding_side": "left", "clean_up_tokenization_spaces": False}
        by_bytes = processors.ByteLevel(trim_offsets=False)
        saved.post_processor = by_bytes
        if appends:
            template = processors.TemplateProcessing(
                single=f"$A {END_OF_TEXT}",
                pair=f"$A {END_OF_TEXT} $B:1 {END_OF_TEXT}:1",
                special_tokens=[(END_OF_TEXT, saved.token_to_id(END_OF_TEXT))],
            )
            saved.post_processor = processors.Sequence([by_bytes, template])
    if chat_template:
        config["chat_template"] = chat_template
    saved.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", config)


# -- other files -------------------------------------------------------------------------------------------


def _write_sentence_files(folder: Path, pooling_flag: str, prompts: dict[str, str], size: int) -> None:
    kinds: Sequence[tuple[str, str]] = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    _write_json(folder / "modules.json", modules)
    flags = {f"pooling_mode_{name}": False for name in ("cls_token", "mean_tokens", "max_tokens", "lasttoken")}
    pooling = {"word_embedding_dimension": size, **flags, pooling_flag: True, "include_prompt": True}
    _write_json(folder / "1_Pooling" / "config.json", pooling)
    (folder / "2_Normalize").mkdir(exist_ok=True)
    _write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    )


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
