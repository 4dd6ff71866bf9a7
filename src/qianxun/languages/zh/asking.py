"""Chinese for what the asker says of one answer: how strict, from how much, with which instructions."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # records.py, asking.py
    "Sentences that nothing bears cannot be treated as {policy!r}.": "没有依据的句子不能按 {policy!r} 处理。",
    "Sentences that nothing bears are treated as {policy} here; an asker may be stricter, not less strict.": (
        "此处对没有依据的句子按 {policy} 处理；提问者可以更严格，不能更宽松。"
    ),
    "Allowed: {allowed}.": "允许：{allowed}。",
    "An answer cannot be made from {n} passages.": "回答不能依据 {n} 个段落。",
    "A model cannot be shown {n} tokens of passages.": "给模型看的段落不能是 {n} 个词元。",
    "Ask for {least} to {most}.": "请给出 {least} 到 {most} 之间的数。",
    "Instructions of one's own may not be given here.": "此处不允许自定义指令。",
    "Ask without them.": "请去掉指令再提问。",
    "Instructions of {n} characters are too long; {most} are the most.": "指令有 {n} 个字符，过长；最多 {most} 个。",
    "Say it in fewer words.": "请写得简短些。",
    # settings/sections.py
    "tokens of passages that a model is shown at a time, at most; 0: as many as it can read": (
        "一次最多给模型看多少词元的段落；0：模型能读多少就给多少"
    ),
    "characters of instructions of their own that askers may give a model with a question, below the rules and the "
    "persona's; 0: none": "提问者随问题给模型的自定义指令最多多少字符，排在规则和角色的指令之后；0：不允许",
    "whether `qianxun serve` with one worker has the chat at /chat, where it is installed": (
        "只有一个工作进程的 `qianxun serve` 是否在 /chat 提供聊天页面（须已安装）"
    ),
    # service/refused.py
    "{where} is {seen}; the least is {least}.": "{where} 为 {seen}；最小为 {least}。",
    "{where} is {seen}; the most is {most}.": "{where} 为 {seen}；最大为 {most}。",
    "{where} is {seen}.": "{where} 为 {seen}。",
    # cli/ask.py
    "what becomes of sentences that nothing bears: they are marked, removed, or the answer is refused": (
        "没有依据的句子如何处理：标出（mark）、删去（remove），或不给出回答（refuse）"
    ),
    "passages that the answer may quote": "回答可引用的段落数",
    "tokens of passages that a model is shown at a time, at most": "一次最多给模型看多少词元的段落",
    "what the model is told besides: tone, form, for whom": "另外告诉模型的话：语气、形式、写给谁看",
    # chat/app.py
    "Sentences without support": "没有依据的句子",
    "What becomes of what no passage bears.": "回答中找不到原文依据的句子如何处理。",
    "show them, marked": "保留并标出",
    "leave them out": "删去",
    "rather no answer than one with such": "有这样的句子就不回答",
    "Number of passages": "段落数",
    "From how many an answer is made at most. 0: as the settings say.": "回答最多依据多少个段落；0 表示按系统设置。",
    "Context length": "上下文长度",
    "Tokens of passages that the model reads at a time, {least} to {most}. 0: as the settings say.": (
        "模型一次最多读多少词元的段落，{least} 到 {most}；0 表示按系统设置。"
    ),
    "Instructions of your own": "自定义指令",
    "Answer in three points, for somebody who is new here.": "例如：分三点回答，写给新同事看。",
    "Tone and form, in at most {n} characters. Every sentence must rest on passages all the same.": (
        "说明语气和形式，最多 {n} 个字符。每句话须有原文依据的规则不变。"
    ),
}
