"""Chinese for what a search and an answer are made of: parts.py."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # what takes time
    "understanding the follow-up": "理解追问",
    "reading the question": "分析问题",
    "finding the filter": "识别筛选条件",
    "correcting the spelling": "纠正错字",
    "finding other wordings": "扩展说法",
    "encoding the question": "编码问题",
    "searching by meaning": "按语义检索",
    "searching by words": "按词检索",
    "joining what was found": "合并结果",
    "reading the passages": "读取段落",
    "reranking": "重排",
    "weighing age and feedback": "计入新旧与反馈",
    "leaving out repetitions": "去除重复",
    "dividing the question": "拆分问题",
    "choosing passages": "选取段落",
    "comparing what the sources say": "比较各来源的说法",
    "writing the answer": "撰写回答",
    "checking the citations": "核对引用",
    # what models are for
    "reranking model": "重排模型",
    "answering model": "回答模型",
    "the model of the server": "服务端的模型",
    "prompt": "提示词",
    # what a stage says of a passage
    "not among the first": "不在前列",
    # what was done without
    "age and feedback": "新旧与反馈",
    "other wordings": "其他说法",
    "what was learned from questions": "从问题中学到的调整",
    "The question is too long: only its first {n} characters were searched for.": "问题过长，只按前 {n} 个字符搜索。",
    "The latest changes to the documents are not searched yet.": "文档的最新改动尚未纳入搜索。",
    "The latest changes to the documents ({n}) are not searched yet.": "文档的最新改动（{n} 处）尚未纳入搜索。",
}
