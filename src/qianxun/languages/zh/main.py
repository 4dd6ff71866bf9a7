"""Chinese for everything but the models' room, grouped by the file that says it first."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # assemble.py
    "There is no {kind} named {name!r}.": "没有名为 {name!r} 的 {kind}。",
    "Known: {known}. A plugin must be installed in the same environment.": "已知的有：{known}。插件须安装在同一环境中。",
    "Index {name}: its files in {path} are gone.": "索引 {name}：{path} 中的文件不见了。",
    # cli/adapt.py
    (
        "Learns from questions and the passages accepted as their answers where questions should lie among the "
        "passages. A third of the questions is held back; what was learned is kept only if search is better with it on "
        "those, beyond chance. Documents and indexes stay as they are."
    ): (
        "从问题及其被采纳的段落中，学习问题在段落之间应处的位置。三分之一的问题留作检验；只有在这些问题上搜索确有改善（超出偶然），才保留学到的结果。文档和索引保持不变。"
    ),
    'accepted pairs, JSON lines with "question", "source", and "quote" if you like (docs/adapting.md)': (
        '采纳对，每行一个 JSON 对象，含 "question"、"source"，可另有 "quote"（docs/adapting.md）'
    ),
    "learn only from what carries one of these labels": "只从带有其中任一标签的内容学习",
    "only measure; keep nothing": "只测量，不保留",
    "take away what was learned": "去掉已学到的适配器",
    "No file of accepted pairs was named.": "未指定采纳对文件。",
    "Type `qianxun adapt FILE`, or --remove.": "请输入 `qianxun adapt 文件`，或用 --remove。",
    "--remove goes alone.": "--remove 须单独使用。",
    "Leave out the file and the other options.": "请去掉文件和其他选项。",
    "Removed the query adapter.": "已移除查询适配器。",
    "There is no query adapter.": "没有查询适配器。",
    "learned from": "学习自",
    "held back": "留作检验",
    "{measure} without adapter": "不用适配器的 {measure}",
    "{measure} with it": "用它之后的 {measure}",
    "{measure} with the one in force": "用现有适配器的 {measure}",
    "gain": "增益",
    "{gain} (95 % interval {low} … {high}, p {p})": "{gain}（95 % 区间 {low} … {high}，p {p}）",
    "Not kept: it cannot be told from chance that search is better with it. Nothing was changed.": (
        "未保留：无法断定搜索因它而更好，差别可能出于偶然。没有任何改动。"
    ),
    "Not kept: the one in force is better. Nothing was changed.": "未保留：现有的适配器更好。没有任何改动。",
    "It would be kept. Nothing was changed.": "若非试运行，则会保留。没有任何改动。",
    "Kept: searches apply it from now on. `qianxun adapt --remove` takes it away.": (
        "已保留：今后的搜索都会使用它。`qianxun adapt --remove` 可将其移除。"
    ),
    "no such document": "没有该文档",
    "document without text": "文档无文字",
    "quote not in it": "文档中没有该引文",
    "not indexed yet (`qianxun add` again)": "尚未编入索引（请再次运行 `qianxun add`）",
    "Left out {pairs}: {reasons}. The first: {question} → {source}": "略去 {pairs}：{reasons}。第一个：{question} → {source}",
    # cli/add.py
    "Standard input names no path.": "标准输入中没有路径。",
    "Give one path a line.": "请每行写一个路径。",
    "Nothing to add: no path was given.": "没有可添加的内容：未指定路径。",
    "Type `qianxun add FOLDER`, or set `documents` in qianxun.toml (`qianxun init`).": (
        "请输入 `qianxun add 文件夹`，或在 qianxun.toml 中设置 `documents`（`qianxun init`）。"
    ),
    "if another process is writing, end with code 75": "若另一进程正在写入，则以退出码 75 结束",
    "read again what failed before, though unchanged": "重新读取以前失败的文件，即使未改动",
    (
        "who may see them, a,b for two labels; may be repeated. Replaces the labels of unchanged documents too "
        "(default for new ones: access.default_labels; others keep theirs)"
    ): (
        "谁可以看到它们，a,b 为两个标签；可重复。未改动文档的标签也会被替换（默认：新文档用 access.default_labels，其余保持不变）"
    ),
    "Added {n}": "新增 {n}",
    "replaced {n}": "替换 {n}",
    "unchanged {n}": "未变 {n}",
    "removed {n}": "移除 {n}",
    "failed {n}": "失败 {n}",
    "needs attention {n}": "待处理 {n}",
    "without text {n}": "无文字 {n}",
    "{counts}; {chunks} in {time}.": "{counts}；{chunks}，用时 {time}。",
    "without suffix": "无扩展名",
    "Skipped {files} of kinds that cannot be read: {kinds}.": "跳过 {files}，其类型无法读取：{kinds}。",
    "There is no file or folder at {path}.": "{path} 处没有文件或文件夹。",
    "Check the spelling of the path.": "请检查路径是否写对。",
    # cli/arguments.py
    "arguments": "参数",
    "options": "选项",
    "usage: ": "用法：",
    "{problem}.": "{problem}。",
    "See `{prog} --help`.": "请看 `{prog} --help`。",
    "See `{prog} --help`. What begins with a dash and is no option goes after `--`.": (
        "请看 `{prog} --help`。以连字符开头但不是选项的内容请写在 `--` 之后。"
    ),
    "options of every command": "各命令通用的选项",
    "knowledge base: a name, or a folder": "知识库：名称或文件夹",
    "settings file (default: ./qianxun.toml, else the home's)": "设置文件（默认：./qianxun.toml，其次是主目录中的）",
    "a setting for this run, as in --set search.k=5; may be repeated": "仅用于本次运行的设置，例如 --set search.k=5；可重复",
    "print one JSON document (docs/json.md)": "输出一个 JSON 文档（docs/json.md）",
    "language of messages (default: the locale's)": "消息的语言（默认：随系统区域设置）",
    "say more; -vv: everything": "输出更多信息；-vv：全部",
    "show this help": "显示本帮助",
    "{heading}:": "{heading}：",
    "argument {name}: ": "参数 {name}：",
    "the following arguments are required: {names}": "缺少参数：{names}",
    "unrecognized arguments: {names}": "无法识别的参数：{names}",
    "expected one argument": "需要一个值",
    "expected at least one argument": "至少需要一个值",
    "expected at most one argument": "最多一个值",
    "expected {n} arguments": "需要 {n} 个值",
    "{value} is not one of {known}": "{value} 不在可选值 {known} 之中",
    "{value} is not a whole number of at least 1": "{value} 不是大于等于 1 的整数",
    "{value} is not a valid {kind}": "{value} 不是有效的 {kind}",
    "not allowed with argument {other}": "不能与参数 {other} 同时使用",
    "one of {names} is required": "{names} 中须有一个",
    "takes no value, but was given {value}": "不接受值，却给了 {value}",
    "OPTION": "选项",
    # cli/ask.py
    "{passages} in {time}; {models}": "{passages}，用时 {time}；{models}",
    "supported": "有依据",
    "weakly supported": "依据较弱",
    "not supported": "无依据",
    "The sources bear only a part of this answer.": "来源只支持这个回答的一部分。",
    "The sources do not bear this answer.": "来源不支持这个回答。",
    "the question; - reads it from standard input": "问题；- 表示从标准输入读取",
    "see only what carries one of these labels": "只看带有其中任一标签的内容",
    "only sources that begin with this, such as a folder": "只限以此开头的来源，例如某个文件夹",
    "show the passages that were read, and the time of each stage": "显示读取的段落和各阶段用时",
    "“{quote}”": "“{quote}”",
    "Sources": "来源",
    # cli/check.py
    "Compared: {checked}.": "已核对：{checked}。",
    "problem": "问题",
    "where": "位置",
    "name": "名称",
    "detail": "详情",
    "… and {n} more; --json names them all.": "……另有 {n} 个；--json 列出全部。",
    "{problems}. `qianxun rebuild` mends the indexes.": "发现 {problems}。`qianxun rebuild` 可修复索引。",
    "All is well. Compared: {checked}.": "一切正常。已核对：{checked}。",
    # cli/compact.py
    (
        "Rewrites what holds the bytes of removed documents, so that nothing of them is left in the "
        "knowledge base, and gives back the space."
    ): ("重写仍含有已移除文档字节的文件，使知识库中不再留有其任何内容，并释放空间。"),
    "Compacted.": "压缩完成。",
    "It grew: SQLite and the indexes write files of at least a certain size.": "变大了：SQLite 和索引写出的文件有最小尺寸。",
    "The query adapter went too: it is of documents that are gone, or of another encoder.": (
        "查询适配器也已移除：它来自已不在的文档，或属于另一个编码器。"
    ),
    # cli/counts.py
    "1 passage": "1 个段落",
    "{n} passages": "{n} 个段落",
    "1 passage read": "读取 1 个段落",
    "{n} passages read": "读取 {n} 个段落",
    "1 document": "1 个文档",
    "{n} documents": "{n} 个文档",
    "1 file": "1 个文件",
    "{n} files": "{n} 个文件",
    "1 chunk": "1 个片段",
    "{n} chunks": "{n} 个片段",
    "1 new chunk": "1 个新片段",
    "{n} new chunks": "{n} 个新片段",
    "1 vector": "1 个向量",
    "{n} vectors": "{n} 个向量",
    "1 question": "1 个问题",
    "{n} questions": "{n} 个问题",
    "1 problem": "1 个问题",
    "{n} problems": "{n} 个问题",
    "1 pair": "1 个采纳对",
    "{n} pairs": "{n} 个采纳对",
    # cli/demo.py
    (
        "Copies the sample documents of an invented company into a folder, builds a knowledge base of them, "
        "searches it, asks three questions (one Chinese, one English, one across languages) and says what to "
        "type next."
    ): (
        "把一家虚构公司的示例文档复制到一个文件夹，用它们建立知识库，搜索一次，提三个问题（中文、英文、跨语言各一个），并说明接下来输入什么。"
    ),
    "How long is the warranty of a level sensor?": "液位计的保修期有多长？",
    "Adding the sample documents": "添加示例文档",
    "{documents}, {chunks}, {time}.": "{documents}，{chunks}，用时 {time}。",
    "where to put it (default: ./{folder})": "放在哪里（默认：./{folder}）",
    "{path} cannot be written: {reason}.": "无法写入 {path}：{reason}。",
    "Searching by meaning and by words": "按语义和词语搜索",
    "ask the samples something else": "再向示例文档提个问题",
    "your own documents: write the settings": "换成自己的文档：先写设置",
    "… read them": "……读入",
    "… and ask them": "……然后提问",
    "Asking": "提问",
    "(One file is broken on purpose: it is named, and the others are kept.)": "（有一个文件是故意损坏的：会指出它的名字，其余文件照常收录。）",
    "What to type next": "接下来可以输入",
    "FOLDER": "文件夹",
    "QUESTION": "问题",
    # cli/doctor.py
    "Settings": "设置",
    "Versions": "版本",
    "Extras": "可选组件",
    "Paths": "路径",
    "Machine": "机器",
    "Services": "服务",
    "none configured: everything runs in this process": "未配置：一切都在本进程内运行",
    "Nothing is broken.": "没有发现故障。",
    "{package} does not load: {reason}.": "{package} 无法加载：{reason}。",
    "Install it anew: {command}": "请重新安装：{command}",
    "installed": "已安装",
    "{path} cannot be written.": "无法写入 {path}。",
    "Change its permissions, or choose another place with --kb or the setting home.": "请更改其权限，或用 --kb 或设置项 home 另选位置。",
    "Only {free} are free at {path}.": "{path} 处只剩 {free} 可用空间。",
    "Make room, or choose another place with --kb or the setting home.": "请腾出空间，或用 --kb 或设置项 home 另选位置。",
    "Only {free} of memory are available.": "可用内存只有 {free}。",
    "Close other programs, or lower reading.workers and reading.max_memory_mb.": (
        "请关闭其他程序，或调低 reading.workers 和 reading.max_memory_mb。"
    ),
    "File names are read as {encoding}, so Chinese ones may be unreadable.": "文件名按 {encoding} 读取，中文文件名可能无法读取。",
    "Set a UTF-8 locale, such as LC_ALL=C.UTF-8, or PYTHONUTF8=1.": "请设置 UTF-8 区域，例如 LC_ALL=C.UTF-8，或 PYTHONUTF8=1。",
    "The clock says {clock}.": "系统时钟显示 {clock}。",
    "Set the clock: dates of documents come from it.": "请校准时钟：文档的日期取自它。",
    "The encoder {name} is not installed.": "未安装编码器 {name}。",
    "Installed: {known}.": "已安装：{known}。",
    "The setting documents names {folder}, which is not a folder.": "设置项 documents 指向的 {folder} 不是文件夹。",
    "Make the folder, or change the setting.": "请创建该文件夹，或更改设置。",
    "Make the file readable.": "请使该文件可读。",
    "{package} is not installed.": "未安装 {package}。",
    "Install it: {command}": "请安装：{command}",
    # cli/eval.py
    (
        "Measures search on data sets in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv; each may "
        "be gzipped), each in a temporary knowledge base, with 95 % confidence intervals."
    ): (
        "在 BEIR 格式的数据集（corpus.jsonl、queries.jsonl、qrels/test.tsv，均可为 gzip）上测量搜索质量，每个数据集使用一个临时知识库，并给出 95 % 置信区间。"
    ),
    "folders of data sets": "数据集所在的文件夹",
    "a mode to measure; may be repeated (default: all three)": "要测量的模式；可重复（默认：三种都测）",
    "{dataset}: {documents}, {questions}": "{dataset}：{documents}，{questions}",
    "mode": "模式",
    "probability that the passages hold the answer, below which no model is asked and the answer says that there is no evidence; 0: it always is": "各段落含有答案的概率低于此值时不询问模型，直接说明没有依据；0：总是询问",
    "time a model may take for an answer; 0: any": "模型回答一个问题可用的时间（秒）；0：不限",
    "sentences of a model that no passage bears: mark (they are shown as such), remove, or refuse (the whole answer is not shown)": "模型所写、但没有原文支持的句子：mark（照样显示并标明）、remove（去掉）或 refuse（整个回答不显示）",
    "95 % interval of nDCG@10": "nDCG@10 的 95 % 区间",
    # cli/info.py
    "none": "无",
    "yes": "是",
    "no": "否",
    "none: answers are quotations": "无：回答摘引原文",
    "exact, up to {limit} chunks (index.exact_up_to)": "精确，片段数至多 {limit}（index.exact_up_to）",
    "approximate, above {limit} chunks (index.exact_up_to)": "近似，片段数超过 {limit}（index.exact_up_to）",
    "index {name}": "索引 {name}",
    "free memory": "可用内存",
    "size": "大小",
    "size after": "之后的大小",
    "size before": "之前的大小",
    "clock": "时钟",
    "dense index": "向量索引",
    "dimensions": "维数",
    "folder": "文件夹",
    "documents": "文档",
    "without text": "无文字",
    "variables set": "已设环境变量",
    "it exists": "是否存在",
    "settings file": "设置文件",
    "file names in": "文件名编码",
    "query adapter": "查询适配器",
    "not in force: made for another encoder ({fingerprint})": "未启用：为另一个编码器（{fingerprint}）制作",
    "{measure} {before} → {after} ({n} questions held back, {made})": "{measure} {before} → {after}（{n} 个留作检验的问题，{made}）",
    "{gone} of the {n} documents that it learned from are gone: `qianxun compact` will remove it": (
        "学习所用的 {n} 个文档中有 {gone} 个已不在：`qianxun compact` 会将它移除"
    ),
    "; ": "；",
    "fingerprint": "指纹",
    "free disk": "磁盘余量",
    "language model": "语言模型",
    "home folder": "主文件夹",
    "knowledge base": "知识库",
    "language": "语言",
    "lexical index": "词语索引",
    "locale": "区域设置",
    "memory": "内存",
    "output in": "输出编码",
    "processors": "处理器",
    "program": "程序",
    "begun anew": "重新建立的",
    "revision": "修订号",
    "model services": "模型服务",
    "system": "系统",
    "interrupted": "被中断的",
    "vectors": "向量",
    "new vectors": "新向量",
    "vectors removed": "移除的向量",
    "version": "版本",
    "it can be written": "是否可写",
    # cli/init.py
    (
        "Asks at most four questions (documents, model, the model's key variable if it needs one, language) and "
        "writes qianxun.toml in this folder, or the file named by --config. A flag answers its question; without a "
        "terminal the rest gets its default."
    ): (
        "至多提四个问题（文档、模型、模型的密钥变量（若需要）、语言），并在当前文件夹写入 qianxun.toml，或写入 --config 指定的文件。用选项给出的不再询问；不在终端中运行时，其余取默认值。"
    ),
    "{path} is there already.": "{path} 已存在。",
    "Edit it, or overwrite it with `qianxun init --force`.": "请直接编辑，或用 `qianxun init --force` 覆盖。",
    "Next: {command}": "下一步：{command}",
    "The model {model!r} needs no key, so there is no key variable to name.": "模型 {model!r} 不需要密钥，因此无需指定密钥变量。",
    "Leave --key-variable out.": "请去掉 --key-variable。",
    "the folder that `qianxun add` reads": "`qianxun add` 读取的文件夹",
    "the environment variable that holds the model's key, if it needs one": "存放模型密钥的环境变量（若需要密钥）",
    "ask nothing; defaults for what no flag answers": "不询问；没有用选项给出的取默认值",
    "overwrite the file if it is there": "文件已存在时覆盖",
    "No terminal to ask at: what no flag answers gets its default.": "不在终端中，无法询问：没有用选项给出的取默认值。",
    "Wrote {path}.": "已写入 {path}。",
    "The folder {folder} does not exist yet.": "文件夹 {folder} 尚不存在。",
    "Language of messages: {options}": "消息的语言：{options}",
    "Model": "模型",
    "Folder of your documents (empty: name it with each `add`)": "文档所在的文件夹（留空：每次 `add` 时指定）",
    "Settings of qianxun. A line that begins with # shows a default; take the # away to change it.": (
        "千寻的设置。以 # 开头的行是默认值；去掉 # 即可修改。"
    ),
    "Stronger than this file: a knowledge base's kb.toml, variables such as QIANXUN_SEARCH__K=5, and --set.": (
        "优先于本文件的有：知识库中的 kb.toml，QIANXUN_SEARCH__K=5 之类的环境变量，以及 --set。"
    ),
    ": ": "：",
    # cli/label.py
    (
        "Changes who may see documents: one shared label suffices. Takes effect on the next question, in "
        "every running process."
    ): ("更改谁可以看到文档：有一个共同标签即可。从下一次提问起生效，对所有正在运行的进程有效。"),
    "No label was named.": "未指定标签。",
    "Add --add LABEL or --remove LABEL.": "请加上 --add 标签 或 --remove 标签。",
    "ids, files, folders or patterns": "编号、文件、文件夹或通配模式",
    "a label to add, a,b for two; may be repeated; spaces inside a label are part of it": (
        "要添加的标签，a,b 为两个；可重复；标签内的空格是标签的一部分"
    ),
    "a label to take away, a,b for two; may be repeated": "要去掉的标签，a,b 为两个；可重复",
    "id": "编号",
    "labels": "标签",
    "source": "来源",
    # cli/list.py
    "status": "状态",
    "chunks": "片段",
    "pages": "页数",
    "title": "标题",
    "reason": "原因",
    "ready": "就绪",
    "empty": "无文字",
    "needs attention": "待处理",
    "failed": "失败",
    "only those that are ready, empty, attention (a person should look) or failed": (
        "只列出就绪（ready）、无文字（empty）、待处理（attention，需人工查看）或失败（failed）的文档"
    ),
    "No documents.": "没有文档。",
    # cli/main.py
    "No command was given.": "未指定命令。",
    "See `qianxun --help`.": "请看 `qianxun --help`。",
    "`qianxun COMMAND --help` tells more about a command.": "`qianxun 命令 --help` 显示某个命令的详细说明。",
    "{kind}: {message} (run again with -v for the traceback)": "{kind}：{message}（加 -v 再次运行可查看调用栈）",
    ".": "。",
    "Unknown command {command!r}.": "未知命令 {command!r}。",
    "Did you mean `qianxun {near}`? `qianxun --help` lists them.": "是否想输入 `qianxun {near}`？`qianxun --help` 列出所有命令。",
    "Ask your own documents; get answers whose citations are checked.": "向自己的文档提问，得到引文经过核对的回答。",
    "first steps": "开始",
    "every day": "日常",
    "care": "维护",
    "COMMAND": "命令",
    "ARGUMENT": "参数",
    "show the version": "显示版本",
    "{path} cannot be read: {reason}.": "无法读取 {path}：{reason}。",
    "Stopped. The same command resumes.": "已停止。再次运行同一命令即可继续。",
    "Stopped.": "已停止。",
    "write a settings file, qianxun.toml, after at most four questions": "回答至多四个问题，写入设置文件 qianxun.toml",
    "The commands are: {known}.": "可用的命令：{known}。",
    "build a small knowledge base of sample documents, search it, ask it": "用示例文档建立一个小知识库，搜索并提问",
    "show versions, paths, free disk and what is missing": "显示版本、路径、磁盘余量，以及缺少什么",
    "find passages by meaning and by words": "按语义和词语查找段落",
    "answer a question, quoting and naming the sources": "回答问题，摘引原文并注明来源",
    "list the documents": "列出文档",
    "show one document, or one passage": "显示一个文档或一个段落",
    "change who may see a document": "更改谁可以看到文档",
    "take documents out, with everything made from them": "移除文档及由其产生的一切",
    "show what is in the knowledge base, and which models made it": "显示知识库中有什么，由哪些模型生成",
    "compare every index with the stored documents": "把每个索引与所存文档核对",
    "make the indexes anew from the stored documents": "用所存文档重建索引",
    "give back the space of removed documents and erase their bytes": "释放已移除文档占用的空间，并抹去其字节",
    "measure search on a data set with known answers": "在已知答案的数据集上测量搜索质量",
    "learn from accepted passages; kept only if search is better": "从采纳的段落学习；只有搜索更好时才保留",
    # cli/passages.py
    "page {page}": "第 {page} 页",
    "not found": "未找到",
    "rank {rank}": "第 {rank} 名",
    "score {score}": "得分 {score}",
    "total": "合计",
    "stage": "阶段",
    "time": "用时",
    ", ": "，",
    "encoder": "编码器",
    "answer by": "回答",
    "adapter of": "适配器",
    "quoting": "摘引原文",
    "The knowledge base has no documents yet: `qianxun add FOLDER` reads some.": (
        "知识库中还没有文档：请用 `qianxun add 文件夹` 读入。"
    ),
    "the same in: {sources}": "相同内容还见于：{sources}",
    "nearly the same in: {sources}": "内容相近：{sources}",
    "matched: {terms}": "匹配：{terms}",
    "Left out: {stages}.": "已省略：{stages}。",
    # cli/progress.py
    "{rate}/s": "{rate}/秒",
    "{time} left": "剩余 {time}",
    "Adding": "添加",
    "Reading": "读取",
    "Encoding": "编码",
    "Indexing": "索引",
    "Removing": "移除",
    "Checking": "核对",
    "Compacting": "压缩",
    "Searching": "搜索",
    "Learning": "学习",
    "Measuring": "评测",
    # cli/reasons.py
    "{file}: {reason}": "{file}：{reason}",
    "the file": "该文件",
    # cli/rebuild.py
    (
        "Makes the indexes anew from the stored documents, with the same encoder. Vectors that are kept are "
        "not computed again. Searching goes on meanwhile."
    ): ("用所存文档和同一编码器重建索引。已保存的向量不再计算。期间可以照常搜索。"),
    "Rebuilt.": "重建完成。",
    # cli/remove.py
    (
        "Takes documents out of the knowledge base, with their chunks, vectors and postings. The files "
        "themselves stay where they are. `qianxun compact` then erases the freed bytes."
    ): ("从知识库中移除文档及其片段、向量和倒排记录。文件本身保留在原处。之后 `qianxun compact` 会抹去释放的字节。"),
    "Removed {documents}, {chunks}, {vectors} (revision {revision}). `qianxun compact` erases their bytes.": (
        "已移除 {documents}、{chunks}、{vectors}（修订号 {revision}）。`qianxun compact` 可抹去其字节。"
    ),
    "Standard input names no document.": "标准输入中没有文档。",
    "Give one id, path or pattern a line; nothing was removed.": "请每行写一个编号、路径或模式；没有移除任何文档。",
    "ids, files, folders or patterns such as '*.tmp'; - reads a list from standard input": (
        "编号、文件、文件夹，或 '*.tmp' 之类的模式；- 表示从标准输入读取清单"
    ),
    "do not ask": "不询问",
    "only show what would be removed": "只显示将移除什么",
    "No document matches {what}.": "没有与 {what} 匹配的文档。",
    "`qianxun list` shows what is there.": "`qianxun list` 显示已有的文档。",
    "removed {id} {source}": "已移除 {id} {source}",
    "{answers} stored answers and {questions} evaluation questions cite them.": (
        "有 {answers} 条已存回答和 {questions} 道评测题引用了它们。"
    ),
    "would remove {id} {source}": "将移除 {id} {source}",
    "… and {n} more": "……另有 {n} 个",
    "Remove {documents}?": "移除 {documents}？",
    "Nothing was removed.": "没有移除任何文档。",
    # cli/search.py
    "The question is empty.": "问题是空的。",
    "Type what you are looking for.": "请输入要查找的内容。",
    "what to look for; - reads it from standard input": "要查找的内容；- 表示从标准输入读取",
    "how many passages (default: search.k)": "返回几个段落（默认：search.k）",
    "by words, by meaning, or both (default: search.mode)": "按词语、按语义，或两者兼用（默认：search.mode）",
    "show what each stage said, the matched terms and the times": "显示各阶段的结果、匹配的词语和用时",
    "Nothing found.": "没有找到。",
    # cli/session.py
    "Nobody is there to ask.": "不在终端中，无法询问。",
    "Add --yes to go on without asking.": "加上 --yes 可不经询问继续。",
    # cli/show.py
    "{id!r} is not an id.": "{id!r} 不是编号。",
    "The list of documents shows the ids.": "文档列表显示编号。",
    "`qianxun list` shows the ids.": "`qianxun list` 显示编号。",
    "chunk {id}, characters {start} to {end}": "片段 {id}，第 {start} 至 {end} 个字符",
    "a document's id (`qianxun list`), or a passage's chunk id": "文档编号（`qianxun list`），或段落的片段编号",
    "the cleaned text, as it is searched and quoted": "清理后的文本，即搜索和摘引所用的文本",
    "the chunks it was cut into": "切分出的片段",
    "format": "格式",
    "characters": "字符数",
    "modified": "修改时间",
    "added": "添加时间",
    # documents/decoding.py
    "{path} looks like {what}, but is named {suffix}.": "{path} 的内容像是“{what}”，扩展名却是 {suffix}。",
    "Rename it to what it is, or convert it.": "请改成相符的扩展名，或转换格式。",
    # … what it looks like
    "a PDF": "PDF 文件",
    "a PNG image": "PNG 图片",
    "a JPEG image": "JPEG 图片",
    "a GIF image": "GIF 图片",
    "a TIFF image": "TIFF 图片",
    "an old or encrypted Office file": "旧版或加密的 Office 文件",
    "a gzip archive": "gzip 压缩包",
    "a 7z archive": "7z 压缩包",
    "a RAR archive": "RAR 压缩包",
    "a bzip2 archive": "bzip2 压缩包",
    "an xz archive": "xz 压缩包",
    "an RTF document": "RTF 文档",
    "an SQLite database": "SQLite 数据库",
    "a program": "程序",
    "a sound file": "音频文件",
    "a sound, video or image file": "音频、视频或图片文件",
    "a video": "视频",
    "a font": "字体",
    "an Office document": "Office 文档",
    "a ZIP archive": "ZIP 压缩包",
    "binary data": "二进制数据",
    # … and what is wrong with it, in the words of the libraries and of the system
    "no PDF header": "没有 PDF 文件头",
    "Failed to load document (PDFium: Data format error)": "数据格式错误",
    "Failed to load document (PDFium: File access error)": "文件访问错误",
    "Failed to load document (PDFium: Unsupported security scheme)": "不支持的加密方式",
    "File is not a zip file": "不是 ZIP 文件",
    "Permission denied": "权限不足",
    "Input/output error": "输入输出错误",
    "No such file or directory": "没有该文件或文件夹",
    # documents/formats/docx.py
    "{path} is encrypted, or an old .doc file named .docx.": "{path} 已加密，或是改名为 .docx 的旧 .doc 文件。",
    "Open it in Word and save it as .docx without a password.": "请在 Word 中打开，去掉密码并另存为 .docx。",
    "{path} is not a readable Word document ({error}).": "{path} 不是可读取的 Word 文档（{error}）。",
    "Open it in Word and save it again.": "请在 Word 中打开后重新保存。",
    # documents/formats/pdf.py
    "{path} is not a readable PDF ({error}).": "{path} 不是可读取的 PDF（{error}）。",
    "Open it in a PDF reader and save it again.": "请在 PDF 阅读器中打开后重新保存。",
    "{path} is encrypted.": "{path} 已加密。",
    "Save a copy without a password.": "请另存一份不带密码的副本。",
    # documents/reading.py
    "{path}: files named {suffix} cannot be read.": "{path}：无法读取扩展名为 {suffix} 的文件。",
    "Convert it to one of these: {supported}.": "请转换为其中一种：{supported}。",
    "{path} has no suffix that says what kind of file it is.": "{path} 没有扩展名，无法判断文件类型。",
    "Rename it to one of these: {supported}.": "请改用其中一个扩展名：{supported}。",
    "{path} took longer than {seconds:g} seconds to read.": "读取 {path} 超过了 {seconds:g} 秒。",
    "Raise reading.max_seconds, or split the file.": "请调高 reading.max_seconds，或拆分该文件。",
    "{path}: the parser crashed ({signal}).": "{path}：解析程序崩溃（{signal}）。",
    "The file is probably damaged: open it and save it again.": "文件可能已损坏：请打开后重新保存。",
    "A parsing process answered out of order.": "解析进程的应答次序有误。",
    "Please report this.": "请报告此问题。",
    "The parsing processes do not start (exit code {code}).": "解析进程无法启动（退出码 {code}）。",
    "`{python} -c 'import qianxun.documents.worker'` shows why; or raise reading.max_memory_mb.": (
        "`{python} -c 'import qianxun.documents.worker'` 可显示原因；也可调高 reading.max_memory_mb。"
    ),
    # documents/worker.py
    "{path} is a folder.": "{path} 是文件夹。",
    "Name the files in it.": "请指定其中的文件。",
    "{path} is not a regular file.": "{path} 不是普通文件。",
    "Copy its content to a file.": "请把其内容复制到普通文件。",
    "{path} is {size:.0f} MB; files above {mb} MB are not read.": "{path} 有 {size:.0f} MB；超过 {mb} MB 的文件不读取。",
    "Raise reading.max_file_mb, or split the file.": "请调高 reading.max_file_mb，或拆分该文件。",
    "{path} holds more than one document.": "{path} 含有多个文档。",
    "Unpack it and add the files.": "请解包后添加其中的文件。",
    "{path} has no text on its one page (a scanned page?).": "{path} 只有一页，其中没有文字（可能是扫描件）。",
    "{path} has no text in its {pages} pages (scanned pages?).": "{path} 的 {pages} 页中没有文字（可能是扫描件）。",
    "No text was recognised; reading.ocr_max_pages and reading.max_seconds bound what is looked at.": (
        "没有识别出文字；识别的页数受 reading.ocr_max_pages 和 reading.max_seconds 限制。"
    ),
    "pip install 'qianxun[ocr]' and `add --retry`, or run text recognition over it first.": (
        "请执行 pip install 'qianxun[ocr]' 后再 `add --retry`，或先自行做文字识别。"
    ),
    "{path}: {n} of {pages} pages have no text (scanned pages?).": "{path}：{pages} 页中有 {n} 页没有文字（可能是扫描页）。",
    "{path} has more than {n} chunks.": "{path} 的片段超过 {n} 个。",
    "Split the file.": "请拆分该文件。",
    "{path} has no text in it.": "{path} 中没有文字。",
    "{path} is an empty file.": "{path} 是空文件。",
    "{path} needs more than {mb} MB of memory to read.": "读取 {path} 需要超过 {mb} MB 内存。",
    "Raise reading.max_memory_mb, or split the file.": "请调高 reading.max_memory_mb，或拆分该文件。",
    "{path} does not exist (any more).": "{path} 不存在（或已被删除）。",
    "Check the path.": "请检查路径。",
    "{path} may not be read by this user.": "当前用户无权读取 {path}。",
    "Give read permission to it.": "请授予读取权限。",
    "{path} cannot be read from the disk: {error}.": "无法从磁盘读取 {path}：{error}。",
    "Check the disk or the network share.": "请检查磁盘或网络共享。",
    "{path} is nested too deeply to read.": "{path} 嵌套过深，无法读取。",
    "Open it and save it again.": "请打开后重新保存。",
    "{path} cannot be read: {error}.": "无法读取 {path}：{error}。",
    # evaluation/adaptation.py
    "Too few questions to learn from: {n} with an accepted passage ({held} to be held back); pairs left out: {left}.": (
        "可供学习的问题太少：有采纳段落的 {n} 个（其中留作检验 {held} 个）；略去的采纳对 {left} 个。"
    ),
    "Collect at least {least}, so that {least_held} or more are held back.": (
        "请至少收集 {least} 个，使留作检验的不少于 {least_held} 个。"
    ),
    # evaluation/datasets.py
    "{path} is missing (nor is there a .gz of it).": "缺少 {path}（也没有对应的 .gz 文件）。",
    "A data set is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv, each plain or .gz.": (
        "数据集是含有 corpus.jsonl、queries.jsonl 和 qrels/test.tsv 的文件夹，各文件可为原样或 .gz。"
    ),
    "{path}, line {line}: not a record ({error}).": "{path} 第 {line} 行：不是一条记录（{error}）。",
    'Each line is a JSON object with "_id" and "text".': '每行应为含有 "_id" 和 "text" 的 JSON 对象。',
    "No data set at {path}.": "{path} 处没有数据集。",
    "{path} calls no document relevant.": "{path} 中没有任何文档标为相关。",
    "At least one score must be above 0.": "至少要有一个分值大于 0。",
    "{path} is empty.": "{path} 是空的。",
    "{path}, after line {line}: {error}.": "{path} 第 {line} 行之后：{error}。",
    "The file must be UTF-8 text, or gzip of it; copy it again.": "文件须为 UTF-8 文本或其 gzip；请重新复制。",
    "{path}, line {line}: question {id!r} has no text.": "{path} 第 {line} 行：问题 {id!r} 没有文字。",
    "Give it one or leave it out.": "请补上文字，或删去该问题。",
    "{path}, line {line}: the id {id!r} was given before.": "{path} 第 {line} 行：编号 {id!r} 已出现过。",
    "Every id may occur once.": "每个编号只能出现一次。",
    "{path}, line {line}: not a judgement.": "{path} 第 {line} 行：不是一条判定。",
    "Each line is query-id, corpus-id and a whole number, separated by tabs.": "每行应为 query-id、corpus-id 和一个整数，以制表符分隔。",
    "{path}, line {line}: {document!r} was judged for {question!r} before.": (
        "{path} 第 {line} 行：{document!r} 对 {question!r} 的判定已出现过。"
    ),
    "Every pair may occur once.": "每一对只能出现一次。",
    "{path}, line {line}: {id!r} is not in {file}.": "{path} 第 {line} 行：{id!r} 不在 {file} 中。",
    "Judgements and data set do not belong together, or a file is incomplete.": "判定与数据集不匹配，或文件不完整。",
    # evaluation/pairs.py
    "There is no file at {path}.": "{path} 处没有文件。",
    'Each line is a JSON object with "question" and "source" (or "document"), and "quote" if you like.': (
        '每行应为含有 "question" 和 "source"（或 "document"）的 JSON 对象，可另有 "quote"。'
    ),
    "{path}, line {line}: not an accepted pair ({error}).": "{path} 第 {line} 行：不是采纳对（{error}）。",
    "The question {question!r} names no document.": "问题 {question!r} 没有指明文档。",
    "Give it a source or leave it out.": "请补上来源，或删去该问题。",
    "The source {source!r} could be {first} or {second}.": "来源 {source!r} 可能是 {first}，也可能是 {second}。",
    "Write more of it.": "请写得更完整。",
    # indexes/rows.py
    "Index {name} needs the number of dimensions of its vectors.": "索引 {name} 需要知道向量的维数。",
    "Index {name} holds vectors of shape ({dim},), not {seen}.": "索引 {name} 的向量形状为 ({dim},)，不是 {seen}。",
    "Encode with the encoder that the index was made with.": "请用建立该索引时的编码器来编码。",
    # indexes/state.py
    "Index {name}: {path} is missing or damaged ({problem}).": "索引 {name}：{path} 缺失或损坏（{problem}）。",
    "Run `qianxun rebuild`.": "请运行 `qianxun rebuild`。",
    "Index {name} at {path} was opened read only.": "位于 {path} 的索引 {name} 是以只读方式打开的。",
    "Index {name}: {path} has format {seen}; this version reads {known}.": (
        "索引 {name}：{path} 的格式为 {seen}；本版本读取 {known}。"
    ),
    "Index {name}: {path} was made with another encoder ({seen}, now {fingerprint}).": (
        "索引 {name}：{path} 由另一个编码器生成（{seen}，现在是 {fingerprint}）。"
    ),
    # ingestion/add.py
    "A text needs a source name.": "文本需要一个来源名称。",
    "Give each item a source.": "请为每一项指定来源。",
    "{path} cannot be looked into: {reason}.": "无法查看 {path}：{reason}。",
    "Give the right to read it, and run the same command again.": "请授予读取权限，然后再次运行同一命令。",
    # ingestion/find.py
    "An empty path was given.": "给出的路径是空的。",
    "Name a file or a folder; `.` is the one you are in.": "请给出文件或文件夹；`.` 表示当前文件夹。",
    # ingestion/remove.py
    "An empty name was given where a document is meant.": "应指定文档，给出的却是空名称。",
    "Name an id, a path, a folder or a pattern; `*` means every document.": "请给出编号、路径、文件夹或模式；`*` 表示所有文档。",
    "No document matches {item!r}.": "没有与 {item!r} 匹配的文档。",
    "`qianxun list` shows ids and sources.": "`qianxun list` 显示编号和来源。",
    # knowledge_base.py
    "The label {label!r} is several, written as one.": "标签 {label!r} 是写在一起的几个标签。",
    "Give them one by one: {labels}.": "请分开填写：{labels}。",
    "The label {label!r} is written in full width.": "标签 {label!r} 用了全角字符。",
    "access.default_labels: {label!r} is no label.": "access.default_labels：{label!r} 不能用作标签。",
    "Write {narrow!r}: a word without commas, in half width.": "请写成 {narrow!r}：不含逗号，用半角字符。",
    "Write {narrow!r}.": "请写成 {narrow!r}。",
    "A label must be a word without commas; seen: {labels!r}.": "标签须是不含逗号的词；收到的是：{labels!r}。",
    "Example: --add hr": "例如：--add hr",
    "The knowledge base at {directory} is closed.": "{directory} 处的知识库已关闭。",
    "Open it again with qianxun.open.": "请用 qianxun.open 重新打开。",
    "There is no chunk {id}.": "没有编号为 {id} 的片段。",
    "`qianxun search --explain` shows the ids.": "`qianxun search --explain` 显示编号。",
    "Documents were removed or replaced while the query adapter was learned; it is not kept.": (
        "学习查询适配器期间有文档被移除或替换；未予保留。"
    ),
    "Run the command again.": "请再次运行该命令。",
    # retrieval/search.py
    "There is no search mode {mode!r}.": "没有名为 {mode!r} 的搜索模式。",
    "Choose hybrid, lexical or dense.": "请选择 hybrid、lexical 或 dense。",
    "k is {k}, but it must be 1 to {most}.": "k 为 {k}，但须在 1 到 {most} 之间。",
    "Ask for fewer passages.": "请减少返回的段落数。",
    "Index {name} is ahead of the documents ({at} > {newest}): they were restored from a backup.": (
        "索引 {name} 比文档新（{at} > {newest}）：文档是从备份恢复的。"
    ),
    # retrieval/understand.py
    "Write what you are looking for.": "请写出要查找的内容。",
    # settings
    "folder of knowledge bases and the service's data; empty: the platform's data folder": "存放知识库和服务数据的文件夹；留空：系统的数据文件夹",
    "knowledge base used when a command names none: a name under `home`, or a folder": (
        "命令未指定时使用的知识库：`home` 下的名称，或一个文件夹"
    ),
    "folder that `qianxun add` reads when no path is given": "未给出路径时 `qianxun add` 读取的文件夹",
    "language of messages: `en` or `zh`; empty: the locale's": "消息的语言：`en` 或 `zh`；留空：随系统区域设置",
    "parsing processes; 0 is one per processor": "解析进程数；0 表示每个处理器一个",
    "time one file may take to parse before it is set aside; up to 30 s for each page whose text is recognised are not counted": "单个文件的解析时限（秒），超过则搁置；识别文字的每页最多有 30 秒不计入",
    "memory one parsing process may use": "单个解析进程可用的内存（MB）",
    "largest file that is read": "可读取的最大文件（MB）",
    "file and folder names that `add` skips in folders": "`add` 在文件夹中跳过的文件名和文件夹名",
    "dense index: `faiss`, `exact`, or the name of an installed plugin": "向量索引：`faiss`、`exact`，或已安装插件的名称",
    "lexical index: `tantivy`, `exact-lexical`, or the name of an installed plugin": (
        "词语索引：`tantivy`、`exact-lexical`，或已安装插件的名称"
    ),
    "chunks up to which dense search is exact": "片段数不超过此值时，向量搜索是精确的",
    "passages returned": "返回的段落数",
    "chunks each index is asked for before fusion": "融合之前向每个索引索取的片段数",
    "which indexes are asked": "查询哪些索引",
    "share of the dense score in the fused one; the rest is lexical": "融合得分中向量得分的比重；其余为词语得分",
    "show passages that say the same once, naming every source": "内容相同的段落只显示一次，并列出所有来源",
    "show passages of several documents that say nearly the same, numbers included, once, naming the rest": (
        "多份文件中内容相近、数字相同的段落只显示一次，并列出其余来源"
    ),
    "longer questions are cut to this, and the result says so": "超过此长度的问题会被截短，并在结果中说明",
    "passages an answer may quote": "一个回答可摘引的段落数",
    "sentences an extractive answer quotes at most": "摘引式回答最多引用的句数",
    "probability that the passages hold the answer, below which `ask` finds none (0 never, 1 always)": (
        "段落中有答案的概率，低于此值时 `ask` 认为没有依据（0 从不，1 总是）"
    ),
    "labels of documents added without any; empty: such documents are for administrators only": (
        "添加时未指定标签的文档所得的标签；留空：此类文档只有管理员能看到"
    ),
    # settings.py
    "{origin}: unknown setting {key!r}.": "{origin}：未知的设置项 {key!r}。",
    "Did you mean {near!r}?": "是否想写 {near!r}？",
    "docs/settings.md lists them.": "docs/settings.md 列出了全部设置项。",
    "{origin}: {key} = {value} is out of range.": "{origin}：{key} = {value} 超出范围。",
    "It must be {range}.": "取值须为 {range}。",
    "--set {text!r} is not KEY=VALUE.": "--set {text!r} 不是 KEY=VALUE 的形式。",
    "Example: --set search.k=5": "例如：--set search.k=5",
    "No settings file at {path}.": "{path} 处没有设置文件。",
    "Make one with `qianxun init`.": "请用 `qianxun init` 创建。",
    "{path} is not valid TOML: {error}.": "{path} 不是有效的 TOML：{error}。",
    "Mend that line.": "请改正该行。",
    "{origin}: {key} = {value!r} is not {kind}.": "{origin}：{key} = {value!r} 的类型不对，应为 {kind}。",
    "Example: {key} = {default}": "例如：{key} = {default}",
    "{origin}: {key} is a section, not a value.": "{origin}：{key} 是一个小节，不是一个值。",
    "Set a key inside it.": "请设置其中的某一项。",
    # storage/adapter.py
    "{path} cannot be written ({error}).": "无法写入 {path}（{error}）。",
    "Check that the folder is writable and has room.": "请检查该文件夹是否可写且有足够空间。",
    "The query adapter {path} is damaged ({error}).": "查询适配器 {path} 已损坏（{error}）。",
    "Remove it with `qianxun adapt --remove`, or learn it again.": "请用 `qianxun adapt --remove` 移除，或重新学习。",
    # storage/conditions.py
    "There is no field {field!r} to filter by.": "没有可供筛选的字段 {field!r}。",
    "Fields: {fields}.": "字段：{fields}。",
    # storage/database.py
    "A process that reads {path} keeps removed text in its log.": "有进程正在读取 {path}，其日志中还留有已移除的文本。",
    "Run `qianxun compact` again when it has ended.": "请在它结束后再次运行 `qianxun compact`。",
    "{path} is in use by another process ({error}).": "{path} 正被另一进程使用（{error}）。",
    # storage/locks.py
    "`{command}` (process {process}, since {since})": "`{command}`（进程 {process}，自 {since} 起）",
    "another process": "另一进程",
    "The knowledge base is being written by {holder}.": "知识库正由 {holder} 写入。",
    "Try again later, or leave out --no-wait.": "请稍后再试，或去掉 --no-wait。",
    "Waiting for {holder} …": "正在等待 {holder} ……",
    # storage/migrations.py
    "{path} is not a qianxun knowledge base.": "{path} 不是千寻知识库。",
    "Choose another folder with --kb.": "请用 --kb 另选文件夹。",
    "The knowledge base at {path} has format {seen}, made by a newer qianxun; this one knows format {known}.": (
        "{path} 处的知识库格式为 {seen}，由更新版本的千寻创建；本版本支持的格式为 {known}。"
    ),
    "Upgrade with `pip install --upgrade qianxun`.": "请用 `pip install --upgrade qianxun` 升级。",
    # storage/store.py
    "{directory} cannot be the folder of a knowledge base ({error}).": "{directory} 不能用作知识库的文件夹（{error}）。",
    "Name another folder with --kb.": "请用 --kb 指定另一个文件夹。",
    "{directory} holds other things ({found}) and no knowledge base.": "{directory} 中有其他内容（{found}），没有知识库。",
    "Name another folder with --kb; it is made if it is not there.": "请用 --kb 指定另一个文件夹；若不存在会自动创建。",
    "A document may have {limit} chunks at most.": "一个文档最多只能有 {limit} 个片段。",
    "There is no document {id}.": "没有编号为 {id} 的文档。",
    "The knowledge base file {path} cannot be used ({error}).": "无法使用知识库文件 {path}（{error}）。",
    "Check that the folder is writable and on a local disk.": "请检查该文件夹是否可写，且位于本地磁盘。",
    "There is no knowledge base at {directory}.": "{directory} 处没有知识库。",
    "Make one with `qianxun add PATH`, or name another with --kb.": "请用 `qianxun add 路径` 创建，或用 --kb 指定另一个。",
    "No room is left at {path} ({error}).": "{path} 处已没有空间（{error}）。",
    "Free some disk and run the same command again: it resumes.": "请腾出磁盘空间后再次运行同一命令：它会接着做。",
    "The knowledge base file {path} is damaged ({error}).": "知识库文件 {path} 已损坏（{error}）。",
    "Restore it from a backup, or add the documents to a new one with --kb.": "请从备份恢复，或用 --kb 把文档添加到新的知识库。",
    # storage/vectors.py
    "The vectors in {path} are damaged ({error}).": "{path} 中的向量已损坏（{error}）。",
    "Run `qianxun rebuild`: they are made again from the text.": "请运行 `qianxun rebuild`：向量会由文本重新生成。",
}
