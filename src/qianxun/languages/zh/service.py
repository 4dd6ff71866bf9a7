"""The service: who may, how much at a time, where it listens; keys."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "service.trusted_proxies: {text!r} is no address.": "service.trusted_proxies：{text!r} 不是地址。",
    "Example: 10.0.0.5 or 10.0.0.0/24": "例如 10.0.0.5 或 10.0.0.0/24",
    "A limit cannot be below 0.": "限额不能小于 0。",
    "0 takes that of the settings.": "0 表示采用设置中的值。",
    # what a request is told
    "{what}.": "{what}。",
    "The OpenAPI document (/openapi.json) says what is expected.": "OpenAPI 文档（/openapi.json）说明应当怎样写。",
    "{where} holds a null character.": "{where} 含有空字符（NUL）。",
    "{where} is empty, or holds a null character.": "{where} 是空的，或含有空字符（NUL）。",
    "{where} is no label: it is empty, or holds a comma or a null character.": (
        "{where} 不是标签：它是空的，或含有逗号或空字符。"
    ),
    "{where} is no token: those have 32 digits and letters a to f.": (
        "{where} 不是令牌：令牌由 32 个数字和字母 a 到 f 组成。"
    ),
    "{where} is no name: it holds a slash or a null character.": "{where} 不是名称：它含有斜线或空字符。",
    "The body is not valid JSON at character {at}: {told}.": "请求体在第 {at} 个字符处不是有效的 JSON：{told}。",
    "Send a JSON object in UTF-8.": "请发送 UTF-8 编码的 JSON 对象。",
    "The body is not sent as JSON but as {seen!r}.": "请求体不是以 JSON 而是以 {seen!r} 发送的。",
    "Send it with the header Content-Type: application/json.": "发送时请加上 Content-Type: application/json。",
    "The body is no JSON object.": "请求体不是 JSON 对象。",
    "{where} is missing.": "缺少 {where}。",
    "{where} is not known here.": "这里不认识 {where}。",
    "This cannot be done at the moment.": "目前无法完成。",
    "The log of the service says why.": "原因见服务日志。",
    "{value!r} is neither true nor false.": "{value!r} 既不是 true 也不是 false。",
    "Say retry=true.": "请写 retry=true。",
    # jobs of keys
    "The key that asked for this job holds no more.": "提交该任务的密钥已失效。",
    "The key that asked for this job does not allow it any more.": "提交该任务的密钥已不再允许此操作。",
    "Ask for it again with one that does.": "请用有效的密钥重新提交。",
    # keys
    "Lists the keys of the service: whose they are, which documents they open, and until when. Secrets are shown "
    "only when they are made.": "列出服务的密钥：属于谁、能看哪些文档、有效期到何时。密钥本身只在生成时显示一次。",
    "knowledge bases": "知识库",
    "may": "权限",
    "until": "有效期至",
    "last used (UTC)": "最近使用（UTC）",
    "Key {id} of {name}. The secret is not shown again.": "{name} 的密钥 {id}。密钥内容不会再次显示。",
    "{name} has another key that holds: `qianxun keys revoke {id}` ends it.": (
        "{name} 另有一个有效的密钥，可用 `qianxun keys revoke {id}` 吊销。"
    ),
    "{name} has {n} other keys that hold: {ids}. `qianxun keys revoke ID` ends one.": (
        "{name} 另有 {n} 个有效的密钥：{ids}。可用 `qianxun keys revoke ID` 吊销其中一个。"
    ),
    "There is no knowledge base {name}; the key opens it as soon as there is.": (
        "目前没有知识库 {name}；建立之后此密钥即可使用它。"
    ),
    "There is no knowledge base {name}; the key opens it as soon as there is. There are: {known}.": (
        "目前没有知识库 {name}；建立之后此密钥即可使用它。现有：{known}。"
    ),
    "No keys. `qianxun keys create NAME` makes one.": "没有密钥。用 `qianxun keys create NAME` 生成。",
    "revoked": "已吊销",
    "all": "全部",
    "ended": "已过期",
    "Makes a key and prints its secret, once. It opens documents labelled `public` unless --label names others; it "
    "may search, ask, read and give feedback unless --may says otherwise.": "生成密钥并显示一次。默认只能看标签为 "
    "`public` 的文档，可用 --label 另行指定；默认可以搜索、提问、阅读和反馈，可用 --may 另行指定。",
    "--admin is everything.": "--admin 已包含全部权限。",
    "Leave --label, --base, --may and --all-documents out.": "请去掉 --label、--base、--may 和 --all-documents。",
    "--all-documents and --label contradict each other.": "--all-documents 与 --label 互相矛盾。",
    "Leave one out.": "请去掉其中一个。",
    "A limit of {n} cannot be kept.": "限额 {n} 无效。",
    "Give 1 or more; 0 is no limit.": "请给 1 或更大的数；0 表示不限。",
    "whose it is": "密钥属于谁",
    "documents with this label; may be repeated": "可看带此标签的文档；可重复",
    "every document, whatever its labels": "可看全部文档，不论标签",
    "only this knowledge base; may be repeated": "只限此知识库；可重复",
    "only these: {actions}": "只限这些权限：{actions}",
    "everything": "全部权限",
    "when it ends: a day as 2027-01-31, or a time from now as 90d, 12h": "何时失效：日期如 2027-01-31，"
    "或从现在起的时长如 90d、12h",
    "most requests in a minute (default: any)": "每分钟请求数上限（默认不限）",
    "most tokens in a day (default: any)": "每天 token 数上限（默认不限）",
    "most answers at a time (default: any)": "同时进行的回答数上限（默认不限）",
    "{text!r} is no moment.": "{text!r} 不是时间。",
    "Write 2027-01-31, 90d or 12h.": "请写成 2027-01-31、90d 或 12h。",
    "Ends a key for good, from the next request on; running answers go on. The list keeps its name.": (
        "永久吊销密钥，从下一次请求起生效；正在进行的回答会继续。名称仍留在列表中。"
    ),
    "a key, by id or name": "密钥的编号或名称",
    "Key {id} of {name} holds no more.": "{name} 的密钥 {id} 已失效。",
    "Gives a key a new secret and prints it, once. What the key may do, and what it owns, stays.": (
        "为密钥换新内容并显示一次。其权限和所拥有的内容不变。"
    ),
    "{text!r} is no time span.": "{text!r} 不是时长。",
    "Write 24h, 7d or 30m.": "请写成 24h、7d 或 30m。",
    "the old secret holds for so long, as 24h (default: it ends now)": "旧密钥继续有效的时长，如 24h（默认立即失效）",
    "{name!r} is no name for a key.": "{name!r} 不能作密钥的名称。",
    "Say whose it is, on one line.": "请用一行写明属于谁。",
    "{action!r} is nothing that a key can allow.": "密钥没有 {action!r} 这种权限。",
    "An administrator's key is for every document.": "管理员密钥可看全部文档。",
    "Leave labels and knowledge bases out.": "请去掉标签和知识库。",
    "The key would end at {moment}, before it begins.": "密钥的有效期 {moment} 早于开始时间。",
    "There is no key {name!r}.": "没有密钥 {name!r}。",
    "`qianxun keys` lists them.": "用 `qianxun keys` 列出全部。",
    "{n} keys are named {name!r}.": "有 {n} 个密钥名为 {name!r}。",
    "Say the id.": "请指明编号。",
    "The key {name!r} holds no more.": "密钥 {name!r} 已失效。",
    "Create another one.": "请另行生成。",
    # serve
    "the service": "服务",
    "serve knowledge bases over HTTP": "通过 HTTP 提供知识库服务",
    "list the keys of the service": "列出服务的密钥",
    "make a key: for whom, to which documents, until when": "生成密钥：给谁、能看哪些文档、到何时",
    "give a key a new secret": "为密钥换新内容",
    "end a key, from the next request on": "吊销密钥，从下一次请求起生效",
    "Serves knowledge bases over HTTP: its own API, and those of OpenAI and of rerankers, until Ctrl-C. Without a "
    "key, what is labelled `public` can be read on this machine; `qianxun keys` makes keys. SIGHUP reads the "
    "settings anew.": "通过 HTTP 提供知识库：自有接口以及 OpenAI 和重排序器的接口，直到按 Ctrl-C。没有密钥时，"
    "本机可读标签为 `public` 的文档；用 `qianxun keys` 生成密钥。收到 SIGHUP 时重新读取设置。",
    "address to listen on (default: service.host)": "监听地址（默认 service.host）",
    "port to listen on (default: service.port)": "监听端口（默认 service.port）",
    "processes that answer (default: service.workers)": "回答进程数（默认 service.workers）",
    "qianxun {version} listens on {url}. Ctrl-C ends it.": "qianxun {version} 正在监听 {url}。按 Ctrl-C 结束。",
    "Administrator's key, shown this once: {key}": "管理员密钥（只显示这一次）：{key}",
    "The process {role} does not stay up (exit code {code}).": "进程 {role} 无法保持运行（退出码 {code}）。",
    "The process {role} was not ready after {seconds} s.": "进程 {role} 在 {seconds} 秒后仍未就绪。",
    "They are to be read once more.": "设置需要再读一次。",
    "Its words are above.": "原因见上文输出。",
    "{host!r} is no address to listen on.": "{host!r} 不是可监听的地址。",
    "Set service.host.": "请设置 service.host。",
    "{host}:{port} cannot be listened on ({error}).": "无法监听 {host}:{port}（{error}）。",
    "Set service.port to another one, or end who has it.": "请将 service.port 改为其他端口，或结束占用者。",
    "{n} processes would load the {role} {n} times.": "{n} 个进程会把 {role} 加载 {n} 次。",
    "Set service.workers to 1, or serve the model with `qianxun models serve`.": "请将 service.workers 设为 1，或用 "
    "`qianxun models serve` 提供该模型。",
    "Nobody could show a key to a service at {host}.": "在 {host} 上的服务没有任何可用的密钥。",
    "Make one first: `qianxun keys create NAME --admin`.": "请先生成：`qianxun keys create NAME --admin`。",
    # requests
    "There is no such path.": "没有这个路径。",
    "There is no knowledge base {name}.": "没有知识库 {name}。",
    "GET /api/v1/bases lists them.": "GET /api/v1/bases 列出全部。",
    "This service serves the knowledge bases of its settings only.": "此服务只提供设置中列出的知识库。",
    "Add it to service.knowledge_bases.": "请加入 service.knowledge_bases。",
    "{name!r} is no name for a knowledge base.": "{name!r} 不能作知识库的名称。",
    "Letters, digits, - _ and . (not at the beginning), 63 at most; {reserved} are taken.": (
        "只能用文字、数字、- _ 和 .（不能开头），至多 63 个字符；{reserved} 已被占用。"
    ),
    "service.knowledge_bases: {name!r} cannot be the name of a knowledge base, or is there twice.": (
        "service.knowledge_bases：{name!r} 不能作知识库的名称，或出现了两次。"
    ),
    "Write NAME=FOLDER with another name.": "请写成 NAME=FOLDER，并换一个名称。",
    "There is a knowledge base {name} already.": "已有知识库 {name}。",
    "Take another name.": "请换一个名称。",
    "Something went wrong that nobody foresaw.": "发生了意外错误。",
    "The log of the service says more.": "详情见服务日志。",
    "All places for {what} are taken.": "{what} 的名额已满。",
    "Try again later.": "请稍后再试。",
    "More than {n} requests in a minute.": "一分钟内的请求超过 {n} 次。",
    "Wait for {seconds} s.": "请等待 {seconds} 秒。",
    "Counting limits in Redis needs a package that is not installed.": "在 Redis 中计数限额所需的软件包未安装。",
    "You are waiting for {n} answers already.": "已有 {n} 个回答正在进行。",
    "Let one end.": "请等其中一个结束。",
    "Conversations are kept for who shows a key.": "只为出示密钥的人保存对话。",
    "Send it as `Authorization: Bearer KEY`.": "请以 `Authorization: Bearer KEY` 发送。",
    "The label {label!r} is not yours to give or take.": "您无权添加或去掉标签 {label!r}。",
    "Use your own: {known}.": "请用自己的标签：{known}。",
    "You would not see the document any more.": "这样您将再也看不到该文档。",
    "Leave it one of your labels.": "请保留一个自己的标签。",
    "The key does not hold.": "密钥无效。",
    "Ask for one: `qianxun keys create NAME` makes it.": "请索取密钥：用 `qianxun keys create NAME` 生成。",
    "No key was shown.": "没有出示密钥。",
    "A filter cannot hold a null character.": "过滤条件不能含空字符。",
    "A question cannot hold a null character.": "问题不能含空字符。",
    "This needs a key that allows {action!r}.": "此操作需要具有 {action!r} 权限的密钥。",
    "An administrator makes one.": "请向管理员索取。",
    # settings
    "Redis that keeps a model's answers for all processes, as redis://HOST:6379/0; sealed, and lost to everybody as "
    "soon as a document is removed": "为所有进程保存模型回答的 Redis，如 redis://HOST:6379/0；内容加密，"
    "一旦移除文档即对任何人失效",
    "address to listen on": "监听地址",
    "port to listen on": "监听端口",
    "processes that answer; more than 1 only where no model runs in process": "回答进程数；进程内不运行模型时才可大"
    "于 1",
    "knowledge bases that are served: names under `home`, folders, or NAME=FOLDER; empty: all under `home`": (
        "所提供的知识库：`home` 下的名称、文件夹或 NAME=FOLDER；空：`home` 下全部"
    ),
    "who shows no key reads what is labelled `public`: on this machine only, nowhere, or wherever the service is "
    "reached": "未出示密钥者能否读标签为 `public` 的内容：仅限本机、都不能、凡能访问服务者都能",
    "names that the service goes by; others are refused. Empty: any with a key, without one this machine's, and "
    "addresses where everybody may read": (
        "服务所用的主机名；其他的一律拒绝。空：有密钥时不限，无密钥时只限本机的名称，对所有人开放时也可用地址"
    ),
    "web pages of other origins that may call it, such as https://wiki.example": "可以调用它的其他来源网页，如 "
    "https://wiki.example",
    "addresses or networks of proxies whose X-Forwarded headers are believed": "其 X-Forwarded "
    "头可信的代理的地址或网段",
    "largest request but uploads": "除上传外请求的大小上限",
    "largest upload, all its files together": "一次上传全部文件的大小上限",
    "searches at a time in one process; 0: one more than processors": "一个进程同时进行的搜索数；0：处理器数加一",
    "searches that wait for their turn; more are refused with 503": "排队等待的搜索数；超出者以 503 拒绝",
    "answers at a time in one process; more are refused with 503": "一个进程同时进行的回答数；超出者以 503 拒绝",
    "bare embeddings, judgements and completions at a time in one process": "一个进程同时进行的纯向量、"
    "评分和补全请求数",
    "requests of one caller in a minute, where the key says nothing; 0: any": "密钥未规定时，每个调用者每分钟的请求"
    "数；0：不限",
    "tokens of one caller in a day, where the key says nothing; 0: any": "密钥未规定时，每个调用者每天的 token 数；"
    "0：不限",
    "answers of one caller at a time, where the key says nothing; 0: any": "密钥未规定时，每个调用者同时进行的回答"
    "数；0：不限",
    "requests in a minute of all who show no key; 0: any": "所有未出示密钥者每分钟的请求总数；0：不限",
    "Redis in which limits are counted for all processes, as redis://HOST:6379/0": "为所有进程计数限额的 Redis，如 "
    "redis://HOST:6379/0",
    "time that answers have to finish when the service is stopped": "服务停止时留给回答结束的时间",
    "days that the files of a conversation are kept": "对话自带文件保留的天数",
}
