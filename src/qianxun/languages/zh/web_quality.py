"""Chinese for the quality pages: evaluation runs, what was asked in vain, feedback, question sets."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # rooms
    "Evaluations": "评测",
    "Without an answer": "未答问题",
    "Feedback": "反馈",
    "Question sets": "问题集",
    # runs
    "Measure": "开始评测",
    "What is measured": "评测内容",
    "answers": "回答",
    "retrieval": "检索",
    "Question set": "问题集",
    "questions below": "下面填写的问题",
    "Questions, one a line; after | the answers that are accepted. Without any, refusing is right.": (
        "每行一个问题，| 之后写可接受的答案。不写答案表示应当拒答。"
    ),
    "How many days of annual leave are there? | five days | 5 days": "年假有几天？ | 五天 | 5 天",
    "What is to be measured cannot be read.": "无法读取要评测的内容。",
    "Write one question a line, and choose a set by its name.": "每行写一个问题，或按名称选择问题集。",
    "Retrieval is measured on a data set (BEIR), and {name} is a question set.": (
        "检索只能用数据集（BEIR）评测，{name} 是问题集。"
    ),
    "Line {number} has no question before the stroke: {line}": "第 {number} 行的竖线前没有问题：{line}",
    "Write the question before it, or take the line out.": "请在竖线前写上问题，或删去这一行。",
    "retrieval, in the texts of the data set itself": "检索（在数据集自带的文本中）",
    "Questions are written and a question set is chosen, too.": "既填写了问题，又选择了问题集。",
    "Choose “questions below”, or empty the field.": "请选择“下面填写的问题”，或清空填写的问题。",
    "Retrieval is measured on a data set (BEIR).": "检索只能用数据集（BEIR）评测。",
    "Choose one.": "请选择一个。",
    "Nothing is given to measure.": "没有可评测的内容。",
    "Write questions, or choose a question set.": "请填写问题，或选择问题集。",
    "Measure answers on it, or choose a data set.": "请用它评测回答，或选择数据集。",
    "Measure over time": "随时间变化的指标",
    "Show": "显示",
    "{measure} of {name}": "{name} 的{measure}",
    "{title} in {base}": "{title}（知识库 {base}）",
    "Hollow: measured on other questions than the last run, so it does not compare.": (
        "空心点所用的题目与最近一次不同，不可直接比较。"
    ),
    "Figures": "数据",
    "When": "时间",
    "other questions": "题目不同",
    "Runs": "评测记录",
    "Nothing was measured yet.": "还没有评测记录。",
    "result (95 % interval)": "结果（95 % 置信区间）",
    "version {n}": "第 {n} 版",
    "{run} as A": "{run} 作为 A",
    "{run} as B": "{run} 作为 B",
    "Compare A with B": "比较 A 与 B",
    "Older runs": "更早的记录",
    "questions that were sent": "自填问题",
    "“{question}”": "“{question}”",
    "“{question}”, first of {n}": "“{question}”等 {n} 题",
    # one run
    "One question, with accepted answers.": "共 1 题，写有可接受的答案。",
    "One question, without accepted answers: refusing is right.": "共 1 题，没有可接受的答案，应当拒答。",
    "{n} questions, {answered} of them with accepted answers; of the others refusing is right.": (
        "共 {n} 题，其中 {answered} 题写有可接受的答案；其余应当拒答。"
    ),
    "The figures are here when it is done.": "完成后在此显示结果。",
    "Look again": "刷新",
    "Stop": "停止",
    "Answers, the poorest first": "各题回答（最差的在前）",
    "One answer is not shown: what it cites is gone, or not for you.": (
        "有 1 条回答未显示：引用的文档已移除，或您无权查看。"
    ),
    "{n} answers are not shown: what they cite is gone, or not for you.": (
        "有 {n} 条回答未显示：引用的文档已移除，或您无权查看。"
    ),
    "{first}–{last} of {n} answers": "第 {first}–{last} 条，共 {n} 条",
    "The whole question": "问题全文",
    "no answer": "未作答",
    "The documents have no answer: refusing is right.": "文档中没有答案，应当拒答。",
    "bears its sentence": "支持原句",
    "Citations": "引用",
    # comparison
    "The verdict is by": "结论所依指标",
    "Change sides": "互换 A 与 B",
    "Back to the runs": "返回评测记录",
    "Two runs are needed.": "需要两条评测记录。",
    "Choose one as A and another one as B.": "请选择一条作为 A，另一条作为 B。",
    "A and B are the same run.": "A 和 B 是同一次评测。",
    "Choose two.": "请选择两条不同的记录。",
    "Only runs that are done can be compared.": "只有已完成的评测才能比较。",
    "Choose two that have figures.": "请选择两条已有结果的记录。",
    "One run measured answers, the other retrieval.": "一条评测的是回答，另一条评测的是检索。",
    "Choose two that measured the same.": "请选择评测内容相同的两条。",
    "There is no measure {measure!r}.": "没有指标 {measure!r}。",
    "{measure} applies to no question of both runs.": "{measure} 不适用于两次评测共有的任何问题。",
    "Compare by another measure.": "请换一个指标比较。",
    "A and B have no question in common.": "A 和 B 没有相同的问题。",
    "Measure both on the same question set.": "请用同一问题集评测两者。",
    "A and B ask the same questions, but accept other answers.": "A 和 B 的问题相同，但可接受的答案不同。",
    "Measure both with the same accepted answers.": "请用相同的可接受答案评测两者。",
    "A and B accept other answers to {first}, so it is left out.": "A 和 B 对 {first} 可接受的答案不同，未参与比较。",
    "A and B accept other answers to {n} questions, which are left out; the first is {first}.": (
        "A 和 B 对 {n} 个问题可接受的答案不同，未参与比较，第一个是 {first}。"
    ),
    "A and B look for other evidence, so evidence recall does not compare.": (
        "A 和 B 所查的依据不同，依据召回率无法比较。"
    ),
    "A and B look for other evidence of {first}, so evidence recall leaves it out.": (
        "A 和 B 对 {first} 所查的依据不同，依据召回率未计入这一题。"
    ),
    "A and B look for other evidence of {n} questions, which evidence recall leaves out; the first is {first}.": (
        "A 和 B 对 {n} 个问题所查的依据不同，依据召回率未计入这些题，第一个是 {first}。"
    ),
    "{n} questions are only in {side}, and not compared; the first is {first}.": (
        "有 {n} 个问题只在 {side} 中，未参与比较，第一个是 {first}。"
    ),
    "{id}: left out, its text is not there.": "{id}：已略过，找不到对应的原文。",
    # asked in vain
    "no evidence found": "未找到依据",
    "answered with little evidence": "依据不足的回答",
    "Of the last days": "最近天数",
    "Everybody's questions.": "显示所有人的提问。",
    "Your own questions.": "只显示您自己的提问。",
    "Nothing is kept of questions (settings audit.enabled, audit.questions).": (
        "当前设置不记录提问（见 audit.enabled 和 audit.questions）。"
    ),
    'The texts of questions are not kept; audit.questions = "text" keeps them from then on.': (
        '不保存问题原文；设置 audit.questions = "text" 后开始保存。'
    ),
    "No such question.": "没有这样的问题。",
    "times": "次数",
    "last": "最近一次",
    "found for it": "当时找到的文档",
    "to do": "操作",
    "text not kept": "未保存原文",
    "Into a question set": "加入问题集",
    "This question is not kept.": "没有保存这个问题。",
    "It may be too old, or its text is not kept.": "可能已过保存期，或未保存原文。",
    # feedback
    "opened (told by programs)": "点开（由程序上报）",
    "thumb up": "赞",
    "thumb down": "踩",
    "citation accepted": "采纳引用",
    "The texts of questions are not kept with feedback; feedback.keep_questions keeps them from then on.": (
        "反馈不保存问题原文；打开 feedback.keep_questions 后开始保存。"
    ),
    "No feedback yet.": "还没有反馈。",
    "In the document": "在文档中查看",
    "Older feedback": "更早的反馈",
    # question sets
    "A draft is worked on; frozen, it stays as it is, so that figures measured on it compare.": (
        "草稿可以修改；定稿后不再变动，这样评测结果才可比较。"
    ),
    "Add a question": "添加问题",
    "There is no question set yet.": "还没有问题集。",
    "data set (BEIR)": "数据集（BEIR）",
    "draft": "草稿",
    "1 question accepted": "已采纳 1 题",
    "{n} questions accepted": "已采纳 {n} 题",
    "Begin a new version": "新建一版",
    "Freeze": "定稿",
    "proposed": "待审",
    "rejected": "已否决",
    "no answer in the documents": "文档中没有答案",
    "accepted:": "可接受的答案：",
    "Change": "修改",
    "Change {id}": "修改 {id}",
    "Take out": "移出",
    "Take out {id}": "移出 {id}",
    "Question": "问题",
    "Question set (a draft; a new name begins one)": "问题集（草稿；填新名称即新建）",
    "Do the documents have an answer?": "文档中有答案吗？",
    "Whether the documents have an answer is not said.": "没有说明文档中是否有答案。",
    "Choose one of the two.": "请选择其一。",
    "Save and accept": "保存并采纳",
    "The documents have an answer": "文档中有答案",
    'Accepted answers, one a line; " + " between parts that must all be there': (
        "可接受的答案，每行一个；必须同时出现的各部分用 “ + ” 隔开"
    ),
    "Evidence {n}": "依据 {n}",
    "Further evidence": "其他依据",
    "Source": "来源",
    "Words there; none: the whole document": "原文片段；留空表示整篇文档",
    "Note": "备注",
    "Save": "保存",
    "A question without answer has no accepted answers.": "没有答案的问题不应填写可接受的答案。",
    "Take them out, or say that there is one.": "请删去答案，或勾选“文档中有答案”。",
    "The words “{words}” have no source.": "原文“{words}”没有填写来源。",
    "Write which document they stand in, or take them out.": "请填写它们所在的文档，或删去这段原文。",
    "Neither an answer nor where it stands is given.": "既没有填写答案，也没有填写依据。",
    "Write one, or say that the documents have none.": "请填写其一，或说明文档中没有答案。",
    "{name} is the name of a frozen set.": "{name} 是已定稿问题集的名称。",
    "Give the draft a name without `.v1` at its end.": "草稿名称的末尾请勿写 `.v1`。",
    "{name} is frozen: what is accepted in it stays.": "{name} 已定稿，其中采纳的问题不再变动。",
    "Begin a new version of it.": "请为它新建一版。",
    "Found in no knowledge base: there is no such source, or not these words in it.": (
        "知识库中找不到：没有这个来源，或其中没有这段原文。"
    ),
    "Evidence of {id} is in no knowledge base.": "{id} 的依据在知识库中找不到。",
    "Evidence of {n} questions is in no knowledge base; the first is {id}.": (
        "有 {n} 题的依据在知识库中找不到，第一题是 {id}。"
    ),
    "Mend it or take it out; the draft says which it is.": "请更正或移出；草稿页面标出了是哪些。",
    "There is a draft already: {name}.": "已有草稿：{name}。",
    "Work on it, or freeze it first.": "请继续修改该草稿，或先将其定稿。",
    "{name} has no question {id}.": "{name} 中没有问题 {id}。",
    "The page of the set shows its questions.": "问题集页面列出了其中的问题。",
}
