"""Chinese for whole documents and questions that are divided."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # cli/main.py, cli/summarize.py
    "summarize whole documents, citing every sentence": "总结整份文档，每句话注明出处",
    "ids, files, folders or patterns such as 'hr/*.md'": "编号、文件、文件夹或通配符，例如 'hr/*.md'",
    "what is of interest; the summary is about that": "关心的内容；总结围绕它来写",
    "length in sentences, about (default: 8)": "大约的句数（默认 8）",
    # cli/ask.py
    "read all of this document instead of what search finds; may be repeated": "通读这份文档，而不是只看检索到的段落；可以重复",
    "divide the question into at most N sub-questions, each searched by itself (default: 4)": "把问题分成至多 N 个子问题，分别检索（默认 4）",
    "Sub-questions": "子问题",
    # knowledge_base.py
    "A summary of {n} sentences cannot be made.": "无法写 {n} 句话的总结。",
    "Ask for 1 or more.": "请要求 1 句或更多。",
    "A question cannot be divided into {n} sub-questions.": "问题不能分成 {n} 个子问题。",
    "Ask for 1 to {most}.": "请要求 1 到 {most} 个。",
    # settings/sections.py
    "calls of a model that one answer may take where whole documents are read or a question is divided; what that does not suffice for is left out, and the answer says so": "通读整份文档或分解问题时，一次回答最多调用模型的次数；不够的部分不读，回答中会说明",
}
