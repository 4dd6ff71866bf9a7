"""What an answer says of itself, in the language of its question.

Not through `messages.say`: that speaks the reader's locale, set once by a door. One process answers questions in both
languages.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from qianxun.text import has_cjk

Language: TypeAlias = Literal["en", "zh"]

_SENTENCES: Final[Mapping[str, Mapping[Language, str]]] = {
    "quoting": {
        "en": "No language model is configured: these are quotations.",
        "zh": "没有配置语言模型：以下是原文摘录。",
    },
    "nothing": {
        "en": "I found no evidence for an answer in the {n} documents searched.",
        "zh": "在检索的 {n} 份文档中没有找到能够回答这个问题的依据。",
    },
    "nearest": {"en": " The nearest documents are: {titles}.", "zh": "最接近的文档：{titles}。"},
    "unsupported": {
        "en": "Sentences not borne out by what they cite: {n}.",
        "zh": "有 {n} 句话没有得到所引原文的支持。",
    },
    "removed": {
        "en": "Sentences left out because no passage bears them: {n}.",
        "zh": "有 {n} 句话因没有原文支持而未显示。",
    },
    "refused": {
        "en": "The model's answer is not shown: sentences that no passage bears: {n}.",
        "zh": "模型的回答未显示：其中有 {n} 句话没有原文支持。",
    },
    "not asked": {
        "en": "The model was not asked: nothing that was found speaks of this.",
        "zh": "没有询问模型：检索到的内容都与此无关。",
    },
    "out of range": {
        "en": "The answer cites passages that it was not shown: {numbers}.",
        "zh": "回答引用了没有提供给它的段落：{numbers}。",
    },
    "out of time": {"en": "The model ran out of time.", "zh": "模型超过了时间上限，未能说完。"},
    "stopped": {"en": "The answer was stopped.", "zh": "回答已被中止。"},
    "repeating": {
        "en": "The model began to repeat itself and was stopped.",
        "zh": "模型开始重复同样的话，已被中止。",
    },
    "cut off": {"en": "The answer reached its length limit.", "zh": "回答达到长度上限，未能说完。"},
}


def language_of(question: str) -> Language:
    """The language that a question is answered in."""
    return "zh" if has_cjk(question) else "en"


def sentence(key: str, language: Language, **values: object) -> str:
    """One of the sentences."""
    return _SENTENCES[key][language].format(**values)
