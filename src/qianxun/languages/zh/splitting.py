"""Chinese for splitting and its settings."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # settings/sections.py
    "what stays together: sections by headings, articles, questions and records; paragraphs; sentences; or nothing": "哪些内容保持完整：按标题、条文、问答和日志记录划分的各节；段落；句子；或不作要求",
    "sentences repeated from the previous chunk where one paragraph must be cut, or wherever `sentences` cuts": "一段必须切开时（采用 `sentences` 时为每次切分时）从前一片段重复的句数",
    "largest chunk, in tokens, as `counted_by` counts them": "片段最大长度，单位为词元，按 `counted_by` 计数",
    "what counts tokens: the encoder's own tokenizer; an estimate (a CJK character is one, an English word about 1.3); auto: the tokenizer where it is on this machine": "词元的计数方式：encoder 用编码模型自己的分词器；estimate 为估计（一个汉字算一个，一个英文词约 1.3 个）；auto 在本机有分词器时用分词器",
    "tokens repeated from the previous chunk by the strategy `fixed`": "采用 `fixed` 时从前一片段重复的词元数",
    # documents/splitting/sizes.py
    "{path}: this tokenizer cannot be read: {reason}.": "{path}：无法读取该分词器：{reason}。",
    "Copy the model again, or set splitting.counted_by to estimate.": "请重新复制模型，或将 splitting.counted_by 设为 estimate。",
    # assemble.py
    "splitting.counted_by is encoder, but the tokenizer of {encoder} is not on this machine, or the package tokenizers is not installed.": "splitting.counted_by 为 encoder，但 {encoder} 的分词器不在本机上，或未安装软件包 tokenizers。",
    "Run `qianxun models pull`, or set splitting.counted_by to auto.": "请运行 `qianxun models pull`，或将 splitting.counted_by 设为 auto。",
}
