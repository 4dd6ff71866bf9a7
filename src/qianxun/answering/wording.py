"""What an answer says of itself, in the language of its question.

Not through `messages.say`: that speaks the reader's locale, set once by a door. One process answers questions in both
languages.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from qianxun.text import has_cjk

Language: TypeAlias = Literal["en", "zh"]

_WIDE_SIGN: Final = re.compile(r"[\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")
_LETTER: Final = re.compile(r"[^\W\d_]")
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
    "voided": {
        "en": "No answer is given: sentences of it that no passage bears: {n}. As set, one is enough to withhold it.",
        "zh": "不予回答：模型写的回答中有 {n} 句话没有原文支持，按所选设置，有这样的句子就不显示回答。",
    },
    "not asked": {
        "en": "The model was not asked: nothing that was found speaks of this.",
        "zh": "没有询问模型：检索到的内容都与此无关。",
    },
    "own": {
        "en": "Sentences that are the model's own and stand in no document: {n}.",
        "zh": "有 {n} 句话是模型自己的话，不是来自文档。",
    },
    "unknown": {
        "en": "In no passage stands: {facts}.",
        "zh": "原文中没有出现：{facts}。",
    },
    "other language": {
        "en": "The model answered in another language than it was asked to.",
        "zh": "模型没有用所要求的语言回答。",
    },
    "blocked": {
        "en": "The answer ends here: what follows holds words that may not be shown.",
        "zh": "回答到此为止：其后含有不允许显示的词语。",
    },
    "warned": {
        "en": "The answer holds words of a word list.",
        "zh": "回答中含有词表中的词语。",
    },
    "computing": {
        "en": "No language model is configured: these figures were computed from the table.",
        "zh": "没有配置语言模型：以下数字由程序根据表格算出。",
    },
    # Where there is a model, and it failed.
    "quoting instead": {
        "en": "The language model did not answer: these are quotations.",
        "zh": "语言模型没有回答：以下是原文摘录。",
    },
    "computing instead": {
        "en": "The language model did not answer: these figures were computed from the table.",
        "zh": "语言模型没有回答：以下数字由程序根据表格算出。",
    },
    "no model": {"en": "The language model did not answer.", "zh": "语言模型没有回答。"},
    "out of range": {
        "en": "The answer cites passages that it was not shown: {numbers}.",
        "zh": "回答引用了没有提供给它的段落：{numbers}。",
    },
    "out of time": {"en": "The model ran out of time.", "zh": "模型超过了时间上限，未能说完。"},
    "said nothing": {
        "en": "The answer ended before it said anything.",
        "zh": "回答还没有写出任何内容就结束了。",
    },
    "stopped": {"en": "The answer was stopped.", "zh": "回答已被中止。"},
    "repeating": {
        "en": "The model began to repeat itself and was stopped.",
        "zh": "模型开始重复同样的话，已被中止。",
    },
    "conflict": {"en": "The sources disagree: ", "zh": "资料说法不一致："},
    "conflict not named": {
        "en": "The sources disagree; the answer does not cite {marks}.",
        "zh": "资料说法不一致，回答没有引用 {marks}。",
    },
    "which": {
        "en": "That depends on what you mean. Which of these do you ask about?",
        "zh": "这取决于您问的是哪一个。请问您问的是：",
    },
    "cut off": {"en": "The answer reached its length limit.", "zh": "回答达到长度上限，未能说完。"},
    # Of whole documents, and of questions that are divided.
    "read": {
        "en": "Read: {read} of {chunks} passages of {documents} documents.",
        "zh": "阅读范围：{documents} 份文档共 {chunks} 个段落，读了 {read} 个。",
    },
    "read in parts": {
        "en": "Read: {read} of {chunks} passages of {documents} documents, in {parts} parts, with {calls} model calls.",
        "zh": "阅读范围：{documents} 份文档共 {chunks} 个段落，读了 {read} 个；分 {parts} 部分，调用 {calls} 次模型。",
    },
    "parts failed": {
        "en": "Parts in which the model failed, and which are missing here: {n}.",
        "zh": "有 {n} 个部分因模型出错没有读成，其内容不在此回答中。",
    },
    "parts left out": {
        "en": "Parts left out because the time or the model calls allowed did not suffice: {n}.",
        "zh": "有 {n} 个部分因时间或模型调用次数的上限没有读。",
    },
    "notes dropped": {
        "en": "Notes of the model that no passage bears, and that were not used: {n}.",
        "zh": "模型的笔记中有 {n} 条没有原文支持，未采用。",
    },
    "notes left out": {
        "en": "Notes left out because there were more than the model can take at once: {n}.",
        "zh": "笔记超出模型一次能读的长度，有 {n} 条未采用。",
    },
    "levels": {"en": "Lines of the log by level: {levels}.", "zh": "日志各级别行数：{levels}。"},
    "summary of": {"en": "Summary of: {titles}", "zh": "总结：{titles}"},
    "summarize": {
        "en": "Summarize the documents in at most {n} sentences, in English.",
        "zh": "用至多 {n} 句话总结这些文档，用中文书写。",
    },
    "summarize about": {
        "en": "Summarize in at most {n} sentences what the documents say of this: {question}",
        "zh": "用至多 {n} 句话总结文档中与此有关的内容：{question}",
    },
    "no text": {"en": "There is no text in what was to be read.", "zh": "要读的内容里没有文字。"},
    "plan": {
        "en": "The question was divided into {n} of at most {most} sub-questions; answered: {answered}.",
        "zh": "问题分成了 {n} 个子问题（上限 {most} 个），其中 {answered} 个找到了依据。",
    },
    "no evidence for": {"en": "No evidence for: {questions}", "zh": "没有找到依据：{questions}"},
}

# What stands for a sentence of a kept answer that cannot be shown any more.
GONE: Final[Mapping[Language, str]] = {"zh": "［出处已删除］", "en": "[source removed]"}


def language_of(question: str) -> Language:
    """The language that a question is answered in."""
    # Where there are no words, the signs tell: ？？
    return "zh" if has_cjk(question) or (_WIDE_SIGN.search(question) and not _LETTER.search(question)) else "en"


def sentence(key: str, language: Language, **values: object) -> str:
    """One of the sentences."""
    return _SENTENCES[key][language].format(**values)


def is_ours(note: str) -> bool:
    """Whether a remark is one of the sentences, with numbers in it and no word of a document."""
    return any(ours.fullmatch(note) for ours in _FILLED)


_FILLED: Final = tuple(
    re.compile(re.sub(r"\\{\w+\\}", r"[\\d, ]+", re.escape(template)))
    for key, templates in _SENTENCES.items()
    if key != "nearest"
    for template in templates.values()
)
