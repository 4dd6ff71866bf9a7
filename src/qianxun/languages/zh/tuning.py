"""Chinese for `qianxun tune`: evaluation/tuning*.py, evaluation/tuning/kept.py, cli/tune.py."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # cli/tune.py
    (
        "Chooses weights, thresholds and depths of search by questions whose answers are known, in cross-validation: "
        "every question is measured with settings that were chosen without it. What is better beyond chance is written "
        "into the knowledge base's kb.toml; else nothing changes. A set is a question set (`qianxun eval make`), a "
        "file of accepted pairs, or a data set in BEIR layout, which brings its own documents."
    ): (
        "用已知答案的问题，以交叉验证选择搜索的权重、阈值和深度：衡量每个问题时所用的设置都是在不看它的情况下选出的。确有改进（并非偶然）的才写入知识库的 kb.toml，否则什么都不变。题集可以是问题集（`qianxun eval make`）、已采纳配对的文件，或自带文档的 BEIR 格式数据集。"
    ),
    "judged questions; several count alike": "已判定的问题；可给多个，各占同等分量",
    "show before and after; keep nothing": "显示调整前后；不保留任何东西",
    "tune only this part; may be repeated (default: all of them)": "只调整这一部分；可重复（默认：全部）",
    "take out of kb.toml what tuning wrote": "把调优写入 kb.toml 的内容撤出",
    "--as has no meaning for a data set, whose documents have no labels.": "数据集的文档没有标签，--as 对它没有意义。",
    "Leave it out.": "请去掉它。",
    "--reset goes alone.": "--reset 须单独使用。",
    "Leave out the sets and the other options.": "请去掉题集和其他选项。",
    "Taken out of kb.toml: {keys}.": "已从 kb.toml 撤出：{keys}。",
    "Tuning wrote nothing into kb.toml.": "调优没有在 kb.toml 里写过东西。",
    "{n} without an answer": "{n} 个无答案",
    "{set}: left out {questions}: no evidence of theirs is here.": "{set}：略去 {questions}：其依据不在这里。",
    "{set}: {n} more questions were not used.": "{set}：另有 {n} 个问题未用。",
    "The questions share documents so widely that only those with the same first one are kept together.": (
        "这些问题共用的文档太多，因此只把首个文档相同的问题放在一起。"
    ),
    "order of passages": "段落的次序",
    "probabilities of the reranker": "重排模型的概率",
    "when to refuse": "何时拒答",
    "balanced accuracy": "平衡准确率",
    "setting": "设置",
    "chosen": "选出",
    "in folds": "各折一致",
    "as it is": "不变",
    "{n} of {all}": "{n}／{all}",
    (
        "{tried} settings were tried on {questions} about {groups} separate documents. After is of questions that had "
        "no part in choosing."
    ): "在 {questions}（涉及 {groups} 组互不相干的文档）上试了 {tried} 种设置。“之后”只取未参与选择的问题。",
    "calibration error": "校准误差",
    "Brier score": "Brier 分数",
    "label “relevant”: right": "标为“相关”：正确",
    "label “relevant”: found": "标为“相关”：找全",
    "“no good result”: right": "“没有好结果”：正确",
    "“no good result”: found": "“没有好结果”：找全",
    "On {passages} of {questions}, {relevant} of them relevant; p of the Brier score {p}: {verdict}.": (
        "依据 {questions} 的 {passages}，其中 {relevant} 段相关；Brier 分数的 p 为 {p}：{verdict}。"
    ),
    "Left as it is, {keys}: {reason}": "保持不变，{keys}：{reason}",
    "search.mode asks one index only.": "search.mode 只问一个索引。",
    "there is no reranker.": "没有重排模型。",
    "the documents found are of the same day, or of no known date.": "找到的文档日期相同，或没有日期。",
    "signals.sources and signals.labels make no difference between the passages found.": (
        "signals.sources 和 signals.labels 对找到的段落没有区别。"
    ),
    "nothing was made known of the passages found.": "对找到的段落还没有任何反馈。",
    "accepted pairs may be the very clicks and thumbs that these settings weigh.": (
        "已采纳的配对可能正是这些设置所计的点击和评价。"
    ),
    "no passage holds more of what was asked literally than another.": "没有哪个段落比别的更多地原样含有所问的内容。",
    "a variable of the environment sets it.": "环境变量已设定它。",
    "accepted pairs do not tell what is not relevant.": "已采纳的配对不能说明什么不相关。",
    "fewer than ten questions that can be answered, or fewer than ten that cannot.": (
        "能回答的问题不足十个，或不能回答的不足十个。"
    ),
    "a generator answers, and refuses in its own way.": "由生成模型回答，它以自己的方式拒答。",
    "fewer than a hundred passages were judged, or none is relevant.": "判定过的段落不足一百段，或没有一段相关。",
    "Nothing is better beyond chance. Nothing was changed.": "没有哪种设置的改进能与偶然区分开。未作任何改动。",
    "Written to {path}, in force from the next search on; `qianxun tune --reset` takes it out:": (
        "已写入 {path}，从下一次搜索起生效；`qianxun tune --reset` 可撤出："
    ),
    "Better beyond chance. For qianxun.toml:": "确实更好。可写入 qianxun.toml：",
    "Better beyond chance, and would be written to kb.toml. Nothing was changed.": (
        "确实更好，将会写入 kb.toml。未作任何改动。"
    ),
    # evaluation/tuning/kept.py
    "{path} is written so that the values cannot be put in.": "{path} 的写法使这些值无法写入。",
    "Give each of {sections} its own [section], one key a line, and run the command again.": (
        "请让 {sections} 各有自己的 [节]，每行一个键，然后重新运行。"
    ),
    # evaluation/tuning/observed.py
    (
        "The question {question!r} does not find the same passages when it is searched again, so no settings can be "
        "compared."
    ): "问题 {question!r} 再次搜索时找到的段落不同，因此无法比较设置。",
    "Documents or models change meanwhile: wait until nothing is added, and run it again.": (
        "其间文档或模型在变：请等到不再添加文档，再重新运行。"
    ),
    "A search did without something ({what}); settings tuned on that would suit no other.": (
        "有一次搜索缺少某个环节（{what}）；据此调出的设置不适合别的搜索。"
    ),
    "Mend it, and run it again.": "请修好它，再重新运行。",
    "Documents were added or removed meanwhile; nothing is kept.": "其间添加或移除了文档；未保留任何东西。",
    # evaluation/tuning/runs.py
    "No question set was named.": "未指定题集。",
    "Type `qianxun tune SET`, or --reset. `qianxun eval make` makes a set.": (
        "请输入 `qianxun tune 题集`，或 --reset。`qianxun eval make` 可制作题集。"
    ),
    "{path} brings its own documents, other sets are about the knowledge base; one run is for either.": (
        "{path} 自带文档，其他题集针对知识库；一次只能用其中一种。"
    ),
    "Run the command once for each.": "请分别运行。",
    "--set {text} holds for this run only, and what is tuned with it would not suit the next search.": (
        "--set {text} 只对本次运行有效，据此调出的设置不适合下一次搜索。"
    ),
    "Put it into qianxun.toml or {file} first, or add --dry-run.": "请先写入 qianxun.toml 或 {file}，或加上 --dry-run。",
    # evaluation/tuning/choosing.py
    "Too few questions to tune by: {n}, on {groups} separate documents.": (
        "可供调优的问题太少：{n} 个，涉及 {groups} 组互不相干的文档。"
    ),
    "Collect at least {least} on {least_groups} documents; a hundred or more tell much more.": (
        "请收集至少 {least} 个问题，涉及 {least_groups} 组文档；一百个以上说明力强得多。"
    ),
    "choose weights and thresholds of search by your own questions": "用自己的问题选择搜索的权重和阈值",
}
