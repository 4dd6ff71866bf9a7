"""Chinese for evaluation: comparing, ablation, reports, TREC's formats."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "Only one question differs: too few for any difference to be told from chance.": "只有一个问题不同：太少，任何差别都无法与偶然区分。",
    # evaluation/comparing/ablation.py
    "reciprocal rank fusion": "倒数排名融合",
    "weighted sum": "加权求和",
    "without operators": "不识别操作符",
    "without other writings": "不查其他写法",
    "without spelling": "不纠正拼写",
    "with diversity": "加多样性",
    "with exact match": "加原文匹配",
    # cli/eval_ablation.py
    (
        "Measures the settings as they are beside variants of them, each stage alone or left out: nDCG@10, the "
        "difference to the default with its 95 % interval, and the milliseconds of a search and of its stages."
    ): (
        "把当前设置与其变体（只用某一阶段，或去掉某一阶段）并列测量：nDCG@10、与默认的差值及其 95 % 区间，以及一次搜索和各阶段所用的毫秒数。"
    ),
    (
        'a variant to measure, as in --variant "words=search.mode=lexical"; several settings are separated by '
        "commas; may be repeated (default: the stages of search)"
    ): '要测量的变体，如 --variant "词=search.mode=lexical"；多项设置以逗号分隔；可重复（默认：搜索的各阶段）',
    "{variant} changes nothing and was not measured.": "{variant} 没有改变任何东西，未测量。",
    "{variant}: {n} searches did without something.": "{variant}：有 {n} 次搜索缺少某个环节。",
    # cli/eval_compare.py
    (
        "Compares two ways of searching, question by question: the mean difference with its 95 % interval, and whether "
        "chance explains it (randomization test). A and B are each a run in TREC's format, a report that "
        "`eval retrieval --report FILE.json` saved, a settings file (.toml), settings over those of this run "
        "(section.key=value[,section.key=value]), or `current`."
    ): (
        "逐个问题比较两种搜索方式：平均差值及其 95 % 区间，以及差别是否可能出于偶然（随机化检验）。A 和 B 各为：TREC 格式的排名文件、`eval retrieval --report 文件.json` 保存的报告、设置文件（.toml）、在本次设置之上的设置（section.key=value[,section.key=value]），或 `current`（当前设置）。"
    ),
    "what there is": "现有的",
    "what might take its place": "可能取而代之的",
    "a data set to measure settings on, or that judges a run; may be repeated for settings": (
        "用来测量设置或判定排名文件的数据集；测量设置时可重复"
    ),
    "judgements of runs, in TREC's format": "排名文件的判定，TREC 格式",
    "what the verdict is about (default: nDCG@10)": "以哪个指标下结论（默认：nDCG@10）",
    "the mode to take from reports (default: hybrid)": "取报告中的哪种模式（默认：hybrid）",
    "how often chance may be taken for a difference (default: 0.05)": "容许把偶然当作差别的概率（默认：0.05）",
    "exit code 1 if B is significantly worse, or its mean is lower by more than this": (
        "若 B 显著更差，或其均值下降超过此数，则退出码为 1"
    ),
    "On single data sets, p and verdict are corrected for their number (Holm).": (
        "单个数据集的 p 和结论已按数据集个数校正（Holm 法）。"
    ),
    "data set": "数据集",
    "all, each alike": "全部，各占同等分量",
    "{dataset}: {n} of {all} questions changed by {measure}; most of all:": (
        "{dataset}：{all} 个问题中有 {n} 个的 {measure} 变了；变化最大的是："
    ),
    "{option} is {value}, but it must be between 0 and 1.": "{option} 为 {value}，但须在 0 到 1 之间。",
    "Example: --alpha 0.05": "例如：--alpha 0.05",
    "Example: --fail-if-drop 0.01": "例如：--fail-if-drop 0.01",
    "{option} is {value}, which is not a number.": "{option} 为 {value}，不是数字。",
    # cli/eval_retrieval.py
    "also write each mode's ranking, and the judgements, in TREC's formats into this folder": (
        "同时把各模式的排名和判定以 TREC 格式写入此文件夹"
    ),
    # cli/evaluating.py
    "also write a report: .html (one page with plots), .md or .json": "同时写一份报告：.html（带图的单个网页）、.md 或 .json",
    "The report is in {path}.": "报告在 {path}。",
    # cli/main.py
    "quality": "质量",
    "tell whether one way of searching is better than another": "判断一种搜索方式是否比另一种更好",
    "measure what each stage of search is worth, and what it costs": "测量搜索的每个阶段值多少、耗多少",
    # evaluation/comparing/ablation.py
    "{text!r} is not NAME=KEY=VALUE.": "{text!r} 不是 名称=键=值 的形式。",
    'Example: --variant "more words=search.dense_weight=0.1,search.candidates=100"': (
        '例如：--variant "更重字词=search.dense_weight=0.1,search.candidates=100"'
    ),
    "lexical only": "仅字词",
    "dense only": "仅语义",
    "hybrid": "字词与语义",
    "without reranker": "不用重排模型",
    "default": "默认",
    "Two variants are named {name!r}.": "有两个变体都叫 {name!r}。",
    "`default` is the one without changes.": "`default` 指不作改动的那一个。",
    # evaluation/comparing/compare.py
    "{given} are settings, and no data set is named to measure them on.": "{given} 是设置，但未指定用来测量的数据集。",
    "Add --dataset FOLDER.": "请加上 --dataset 文件夹。",
    "{given} is a run, which is judged by one file of qrels or one data set.": (
        "{given} 是排名文件，须由一个判定文件（qrels）或一个数据集来判定。"
    ),
    "Add --qrels FILE, or --dataset FOLDER once.": "请加上 --qrels 文件，或一次 --dataset 文件夹。",
    "No run is compared that --qrels could judge.": "比较的双方都不是排名文件，--qrels 没有可判定的。",
    "Leave out --qrels.": "请去掉 --qrels。",
    "Reports hold their values; there is nothing to measure on a data set.": "报告中已有数值，无需在数据集上测量。",
    "Leave out --dataset.": "请去掉 --dataset。",
    "A and B have no data set in common: {a}; {b}.": "A 与 B 没有共同的数据集：{a}；{b}。",
    "Measure both on the same data sets.": "请在相同的数据集上测量两者。",
    "A and B are of different questions of {dataset}: {n_a} only in A, {n_b} only in B, for one {first!r}.": (
        "A 与 B 在 {dataset} 上的问题不同：只在 A 中的 {n_a} 个，只在 B 中的 {n_b} 个，例如 {first!r}。"
    ),
    "Measure both on the same data set.": "请在同一数据集上测量两者。",
    "A and B were judged differently on {dataset}: their values do not compare.": (
        "A 与 B 在 {dataset} 上所用的判定不同，数值无法比较。"
    ),
    # evaluation/reports
    "A report cannot be written to {path}: its name ends in none of {known}.": (
        "报告无法写入 {path}：文件名不以 {known} 之一结尾。"
    ),
    "Example: --report report.html": "例如：--report report.html",
    "A report cannot be written to {path}: it is a folder, or {folder} is none that can be written in.": (
        "报告无法写入 {path}：它是文件夹，或 {folder} 不是可写入的文件夹。"
    ),
    "Make the folder, or name another.": "请创建该文件夹，或另指定一个。",
    "Retrieval quality": "检索质量",
    "documents without text": "无文字的文档",
    "questions": "问题",
    "question": "问题",
    "judgements": "判定",
    "seconds": "秒",
    "seconds, {stage}": "秒，{stage}",
    "documents found": "找到的文档",
    "Mean nDCG@10 with its 95 % interval": "nDCG@10 均值及其 95 % 区间",
    "Every question, nDCG@10": "每个问题的 nDCG@10",
    "nDCG@10 by question: hybrid less lexical": "各问题的 nDCG@10：hybrid 减 lexical",
    "One question is the same.": "有 1 个问题没有变化。",
    "{n} questions are the same.": "{n} 个问题没有变化。",
    "Comparison": "比较",
    "Outcome": "结果",
    "All data sets, each counted alike": "全部数据集，各占同等分量",
    "all data sets": "全部数据集",
    "all data sets together": "全部数据集合计",
    "measure": "指标",
    "alpha": "显著性水平",
    "allowed drop": "容许的下降",
    "difference": "差值",
    "95 % interval": "95 % 区间",
    "p, corrected": "校正后的 p",
    "B is": "B 的结论",
    "verdict": "结论",
    "{given} ({kind})": "{given}（{kind}）",
    "run": "排名文件",
    "saved report": "保存的报告",
    "settings": "设置",
    "of these changed": "其中有变化的",
    "Mean difference of {measure}, B less A, with its 95 % interval": "{measure} 的平均差值（B 减 A）及其 95 % 区间",
    "{measure} by question: B less A": "各问题的 {measure}：B 减 A",
    "Every question that changed": "所有有变化的问题",
    "Verdicts on single data sets are by the p that is corrected for their number (Holm).": (
        "单个数据集的结论以按其个数校正后的 p 为准（Holm 法）。"
    ),
    "Ablation: what each stage is worth, and what it costs": "消融：每个阶段值多少、耗多少",
    "How it was measured": "测量方法",
    "Each variant is compared with the default; verdicts are corrected for the number of variants (Holm).": (
        "每个变体都与默认相比；结论已按变体个数校正（Holm 法）。"
    ),
    "Times are those of a user's search, on this machine, one question at a time.": (
        "时间是用户搜索的时间，在本机上逐个提问测得。"
    ),
    "variant": "变体",
    "ms, median": "毫秒，中位数",
    "ms, p95": "毫秒，95 百分位",
    "Mean difference of {measure} to the default, with its 95 % interval": "{measure} 与默认的平均差值及其 95 % 区间",
    "Milliseconds of a search: median, and up to the 95th percentile": "一次搜索的毫秒数：中位数，至 95 百分位",
    "Milliseconds by stage: median, and the 95th percentile in brackets.": "各阶段的毫秒数：中位数，括号内为 95 百分位。",
    "searches timed": "计时的搜索",
    "searches that did without something": "缺少某个环节的搜索",
    "Drawn are {n} of {all} questions, evenly spread.": "图中画出 {all} 个问题中均匀选取的 {n} 个。",
    "The first {n} of {all} rows.": "共 {all} 行，此处为前 {n} 行。",
    "{title} ({n})": "{title}（{n}）",
    "{name}: {value}": "{name}：{value}",
    "Made by qianxun {version}.": "由 qianxun {version} 生成。",
    "better": "更好",
    "worse": "更差",
    "no difference": "无差别",
    "B is better than A by {measure} (p = {p}, at most {alpha} asked for).": (
        "按 {measure}，B 优于 A（p = {p}，要求不超过 {alpha}）。"
    ),
    "B is worse than A by {measure} (p = {p}, at most {alpha} asked for).": (
        "按 {measure}，B 不如 A（p = {p}，要求不超过 {alpha}）。"
    ),
    "No difference by {measure} can be told from chance (p = {p}, at most {alpha} asked for).": (
        "按 {measure}，看不出超出偶然的差别（p = {p}，要求不超过 {alpha}）。"
    ),
    "Passed: not significantly worse, and no drop above {margin}.": "通过：没有显著更差，下降也不超过 {margin}。",
    "Failed, {dataset}: significantly worse, by {drop} (p = {p}).": "未通过，{dataset}：显著更差，下降 {drop}（p = {p}）。",
    "Failed, {dataset}: lower by {drop}, more than {margin}.": "未通过，{dataset}：下降 {drop}，超过 {margin}。",
    "{side} says nothing of {first}, which counts 0.": "{side} 没有 {first} 的结果，按 0 计。",
    "{side} ranks {first}, which was not judged; it is left out.": "{side} 中的 {first} 没有判定，已略去。",
    "{first} has no relevant document; it is left out.": "{first} 没有相关文档，已略去。",
    "{first} is only in {side}, and not compared.": "{first} 只在 {side} 中，未作比较。",
    "{side}: one search did without something: {first}": "{side}：有 1 次搜索缺少某个环节：{first}",
    "{side} says nothing of {n} questions, which count 0; the first is {first}.": (
        "{side} 没有 {n} 个问题的结果，这些问题按 0 计；第一个是 {first}。"
    ),
    "{side} ranks {n} questions that were not judged; they are left out. The first is {first}.": (
        "{side} 中有 {n} 个问题没有判定，已略去。第一个是 {first}。"
    ),
    "{n} questions have no relevant document; they are left out. The first is {first}.": (
        "有 {n} 个问题没有相关文档，已略去。第一个是 {first}。"
    ),
    "{n} data sets are only in {side}, and not compared; the first is {first}.": (
        "有 {n} 个数据集只在 {side} 中，未作比较；第一个是 {first}。"
    ),
    "{side}: {n} searches did without something: {first}": "{side}：有 {n} 次搜索缺少某个环节：{first}",
    "A and B are the same settings; they were measured once.": "A 与 B 是相同的设置，只测量了一次。",
    "A and B differ only in settings that evaluation sets aside; they were measured once.": (
        "A 与 B 只在评测不考虑的设置上不同，只测量了一次。"
    ),
    "search.candidates differs: each is measured with its own, and Recall@100 ends where they do.": (
        "search.candidates 不同：各按自己的取值测量，Recall@100 也止于此数。"
    ),
    "Only {n} questions differ: too few for any difference to be told from chance.": (
        "只有 {n} 个问题有差别：太少，无法断定差别超出偶然。"
    ),
    # evaluation/comparing/sides.py
    "{given} is neither a file nor a setting.": "{given} 既不是文件，也不是设置。",
    "Name a run, a report (.json), a settings file (.toml), settings (section.key=value,…), or `current`.": (
        "请给出排名文件、报告（.json）、设置文件（.toml）、设置（section.key=value,…）或 `current`。"
    ),
    "{path} is no report of `eval retrieval` with values by question ({problem}).": (
        "{path} 不是含有逐题数值的 `eval retrieval` 报告（{problem}）。"
    ),
    "Save one with `qianxun eval retrieval DATASET --report FILE.json`.": (
        "请用 `qianxun eval retrieval 数据集 --report 文件.json` 保存一份。"
    ),
    "None of the {n} questions of {path} was judged; the first is {question!r}.": (
        "{path} 的 {n} 个问题都没有判定；第一个是 {question!r}。"
    ),
    "The run and the judgements do not belong together.": "排名文件与判定不匹配。",
    "{path} has no results of the mode {mode}, but of {known}.": "{path} 没有 {mode} 模式的结果，只有 {known}。",
    "Choose one with --mode.": "请用 --mode 选择一种。",
    "Two data sets are named {name!r}.": "有两个数据集都叫 {name!r}。",
    "Give their folders different names.": "请给它们的文件夹取不同的名称。",
    # evaluation/trec.py
    "{path}, line {line}: the rank {value!r} is not a whole number.": "{path} 第 {line} 行：名次 {value!r} 不是整数。",
    "{path}, line {line}: the score {value!r} is not a number.": "{path} 第 {line} 行：分值 {value!r} 不是数字。",
    "{path}, line {line}: the grade {value!r} is not a whole number.": "{path} 第 {line} 行：等级 {value!r} 不是整数。",
    "{path}, line {line}: {document!r} was ranked for {question!r} before.": (
        "{path} 第 {line} 行：{document!r} 已在 {question!r} 的排名中出现过。"
    ),
    "{path}, line {line}: {seen} columns instead of {n}.": "{path} 第 {line} 行：有 {seen} 列，应为 {n} 列。",
    "A document may occur once for each question.": "每个问题中，一个文档只能出现一次。",
    "A line of a run is: question Q0 document rank score tag.": "排名文件的每行为：问题 Q0 文档 名次 分值 标记。",
    "A line of qrels is: question 0 document grade. A folder in BEIR layout is named by --dataset.": (
        "判定文件的每行为：问题 0 文档 等级。BEIR 格式的文件夹请用 --dataset 指定。"
    ),
    "Name a file that holds something.": "请指定一个有内容的文件。",
    "Name a file, plain or .gz.": "请指定一个文件，原样或 .gz。",
    "The id {id!r} cannot be written in TREC's format: it is empty, holds white space or is no text.": (
        "编号 {id!r} 无法以 TREC 格式写出：它是空的，含有空白，或不是文字。"
    ),
    "Give it another id in the data set.": "请在数据集中换一个编号。",
    # evaluation/writing.py
    "{path} cannot be written: {error}.": "无法写入 {path}：{error}。",
    "Name a file in a folder that you may write in.": "请指定一个位于可写文件夹中的文件。",
}
