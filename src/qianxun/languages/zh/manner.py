"""Chinese for personas, prompts of one's own, and what a question brings along."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # settings/sections.py
    "let the reranker, where there is one, judge what passages say in other words": "有重排模型时，由它判断换了说法的原文是否支持回答",
    "section [personas.NAME] that questions are answered by unless another is asked for": "默认按哪个 [personas.NAME] 小节回答问题",
    "what the model is told beside the rules: tone, form, caution, for whom it writes": "规则之外告诉模型的话：语气、形式、谨慎程度、写给谁看",
    "language of answers: `en` or `zh`; empty: the question's": "回答所用的语言：`en` 或 `zh`；空：与问题相同",
    "required: every sentence stands on a passage; preferred: others are allowed and shown as the model's own; off: no passage is looked for": "required：每句话都要有原文依据；preferred：允许模型自己的话，并如此标明；off：不检索原文",
    "as `answer.unsupported`, for this persona; empty: the same": "同 `answer.unsupported`，仅用于此角色；空：与其相同",
    "filter of the documents that it may use, as in `qianxun search --where`; empty: all": "可用文档的筛选条件，写法同 `qianxun search --where`；空：全部",
    "longest answer in tokens; 0: `generator.max_tokens`": "回答最长的词元数；0：同 `generator.max_tokens`",
    # settings/reading.py
    "{origin}: {key} holds sections by their names, not values.": "{origin}：{key} 下是带名字的小节，不是值。",
    "Write [{key}.NAME] above them.": "请在其上方写 [{key}.NAME]。",
    # assemble.py
    "There is no persona {name!r}.": "没有角色 {name!r}。",
    "Known: {known}. Write a section [personas.NAME] in the settings.": "已有：{known}。请在设置中写一个 [personas.NAME] 小节。",
    "The persona {name!r} answers without documents, and no model is configured.": "角色 {name!r} 不依据文档回答，而没有配置模型。",
    "Set [generator], or personas.{name}.grounding to required.": "请设置 [generator]，或把 personas.{name}.grounding 设为 required。",
    # knowledge_base.py
    "Whole documents and attached texts cannot be read for one question.": "一个问题不能既通读文档又读取附带的文本。",
    "Ask of the documents, or of the texts.": "请只问文档，或只问文本。",
    # answering
    "What the question brings along is too long for the model: {tokens} tokens with the rules, of {most}.": "随问题给出的材料对模型来说太长：连同规则共 {tokens} 个词元，上限 {most}。",
    "Add it as a document, or give a part of it.": "请把它添加为文档，或只给出一部分。",
    "The prompt {path} cannot be read ({error}).": "无法读取提示词 {path}（{error}）。",
    "Save it as UTF-8.": "请存为 UTF-8。",
    "The prompt {path} lacks {missing}.": "提示词 {path} 缺少 {missing}。",
    "`qianxun prompts` shows the product's own.": "`qianxun prompts` 显示自带的提示词。",
    # answering/guarded.py, assemble.py: word lists
    "The question holds words that may not be used here.": "问题中含有此处不允许使用的词语。",
    "Ask in other words, or an administrator.": "请换一种说法，或联系管理员。",
    "guard.places: {place!r} is unknown.": "guard.places：{place!r} 未知。",
    "files of word lists, beside the file that names them: a word in each line, with what is done where it is": "词表文件，相对于写下它们的文件：每行一个词，可附上遇到时的做法",
    "what they are held over: questions, passages, answers": "用于何处：questions（问题）、passages（原文）、answers（回答）",
    "mask phone numbers, addresses, keys and the like in what is logged": "日志中遮盖电话号码、邮箱、密钥等",
    "answers of a model kept in memory for the same question; 0: none": "内存中保留的模型回答数，供相同的问题使用；0：不保留",
    "time that an answer is kept": "回答保留的时间",
    # cli/prompts.py
    "Shows the prompts that answers are asked by, with their versions; one of them in full. --copy writes one into the knowledge base's folder `prompts`, where it may be changed: it is then in force there.": "显示回答所用的提示词及其版本，或其中一个的全文。--copy 把它写入知识库的 `prompts` 文件夹，可在那里修改，修改后即在该知识库生效。",
    "a prompt, such as answer.zh: its text": "某个提示词，例如 answer.zh：显示其文本",
    "write it to be changed; one that is there stays": "写出以供修改；已有的保持不变",
    "--copy needs a prompt.": "--copy 需要指明提示词。",
    "Example: qianxun prompts answer.zh --copy": "例如：qianxun prompts answer.zh --copy",
    "Written to {path}.": "已写入 {path}。",
    "{path} is there already.": "{path} 已经存在。",
    "Change it, or take it away.": "请直接修改，或先移走。",
    "There is no prompt {name!r}.": "没有提示词 {name!r}。",
    "Known: {known}.": "已有：{known}。",
    "the knowledge base's own": "知识库自己的",
    "the product's": "自带的",
    "show what models are asked by, or copy it to be changed": "显示向模型提问所用的提示词，或复制一份来修改",
    # cli/ask.py, extraction/material.py
    "give a file with the question: evidence, cited as [Q]; may be repeated": "随问题给出一个文件，作为依据，引用为 [Q]；可重复使用",
    "{source} cannot be given with a question: {reason}": "无法随问题给出 {source}：{reason}",
    "what the question brought along": "随问题给出的材料",
    "it holds no text.": "其中没有文本。",
    "Give files that hold text.": "请给出含有文本的文件。",
    "answer as the section [personas.NAME] of the settings says; '' as usual": "按设置中 [personas.NAME] 小节回答；'' 为通常方式",
}
