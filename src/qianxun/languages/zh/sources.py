"""Chinese: what is said of the places that documents come from."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # addresses
    "{address}: nothing reads addresses that begin with {scheme}://.": "{address}：没有读取 {scheme}:// 地址的来源。",
    "{url} is no address of a page.": "{url} 不是网页地址。",
    "Example: https://example.com/docs/": "示例：https://example.com/docs/",
    "{url}: an address of a page may not hold a user name or a password.": "{url}：网页地址中不能带用户名或密码。",
    "Leave out what stands before the @.": "请去掉 @ 之前的部分。",
    "{name!r} is no name for a document that is handed over.": "{name!r} 不能用作所交文档的名称。",
    "Give a name that ends as files of its kind do, such as notes/meeting.txt: no path, no address.": (
        "请给出以该类文件后缀结尾的名称，例如 notes/meeting.txt：不能是绝对路径，也不能是地址。"
    ),
    "{path} is more than {mb} MB; files above that are not read.": "{path} 超过 {mb} MB；更大的文件不读取。",
    # networks
    "sources.allow_networks: {entry!r} is neither a network nor a host name.": (
        "sources.allow_networks：{entry!r} 既不是网段，也不是主机名。"
    ),
    "Example: 10.0.0.0/8, or wiki.example.com": "示例：10.0.0.0/8，或 wiki.example.com",
    "{host} cannot be found ({error}).": "找不到 {host}（{error}）。",
    "Check the spelling of the address, and the network.": "请检查地址的拼写和网络。",
    "{host} ({address}) is not on the public internet.": "{host}（{address}）不在公共互联网上。",
    'To read pages from there, open it: sources.allow_networks = ["{host}"].': (
        '要从那里读取网页，请开放它：sources.allow_networks = ["{host}"]。'
    ),
    "{host}: pages are not fetched from port {port}.": "{host}：不从端口 {port} 读取网页。",
    # fetching
    "{url} leads on more than {n} times.": "{url} 的跳转超过 {n} 次。",
    "Name the page itself.": "请直接给出目标网页。",
    "{url} cannot be reached ({error}).": "无法连接 {url}（{error}）。",
    "Check the address and the network, and run the same command again.": "请检查地址和网络，然后再次运行同一命令。",
    "{url} leads to {target}, which is no page.": "{url} 跳转到 {target}，那不是网页。",
    "{url} is packed in a way that was not asked for ({packing}).": "{url} 的压缩方式不是所要求的（{packing}）。",
    "Save the page to a file, and add that.": "请将网页存为文件后再添加。",
    "{url} is larger than {mb} MB.": "{url} 大于 {mb} MB。",
    "Raise sources.max_page_mb and reading.max_file_mb.": "请调高 sources.max_page_mb 和 reading.max_file_mb。",
    "{url} took longer than {seconds:g} seconds to fetch.": "读取 {url} 超过 {seconds:g} 秒。",
    "Raise sources.fetch_seconds.": "请调高 sources.fetch_seconds。",
    "{url} may not be read by programs, says the robots.txt of its host.": (
        "{url} 所在主机的 robots.txt 不允许程序读取它。"
    ),
    "Ask its owner. For a site of your own: sources.obey_robots = false.": (
        "请征求其所有者同意。若是自己的网站：sources.obey_robots = false。"
    ),
    "{url} cannot be read (HTTP {status}), so nothing of this host is.": (
        "{url} 无法读取（HTTP {status}），因此不读取该主机的任何内容。"
    ),
    "Try again later. For a site of your own: sources.obey_robots = false.": (
        "请稍后再试。若是自己的网站：sources.obey_robots = false。"
    ),
    "{url}: the server answers HTTP {status}.": "{url}：服务器返回 HTTP {status}。",
    "Open it in a browser without signing in: only what is seen there can be fetched.": (
        "请在未登录的浏览器中打开它：只有在那里能看到的内容才能读取。"
    ),
    "{url} was broken off ({error}).": "{url} 的传输中断（{error}）。",
    "Run the same command again.": "请再次运行同一命令。",
    "{url} cannot be fetched ({error}).": "无法读取 {url}（{error}）。",
    "{url} is no sitemap that can be read ({error}).": "{url} 不是可读的站点地图（{error}）。",
    "Open it in a browser. `site+https://…` follows the links of a site instead.": (
        "请在浏览器中打开它。`site+https://…` 则沿网站的链接读取。"
    ),
    "{path} could not be looked into completely: {reason}.": "{path} 未能完整查看：{reason}。",
    "Nothing there is taken as gone.": "其中的任何内容都不视为已消失。",
    # commands
    (
        "Reads files, folders and addresses (a web page, a site, a repository, a bucket, a mailbox) into the knowledge "
        "base. What is unchanged is skipped, what changed replaced. After Ctrl-C or a crash the same command resumes. "
        "One bad file never stops the others."
    ): (
        "将文件、文件夹和地址（网页、网站、代码库、存储桶、邮箱）读入知识库。未变的跳过，已变的替换。"
        "按 Ctrl-C 或崩溃之后，再次运行同一命令即可继续。一个坏文件不会影响其他文件。"
    ),
    "files, folders, addresses (default: the setting `documents`); - reads a list from standard input": (
        "文件、文件夹、地址（默认：设置项 `documents`）；- 表示从标准输入读取列表"
    ),
    "also remove what has vanished from these places": "同时移除这些位置中已消失的内容",
    "read one document from standard input and call it NAME, whose ending says its kind": (
        "从标准输入读取一个文档并命名为 NAME，其后缀表明文件种类"
    ),
    "--stdin adds one document; nothing else can be added with it.": "--stdin 只添加一个文档，不能同时添加其他内容。",
    "Leave out paths, --sync and --retry.": "请去掉路径、--sync 和 --retry。",
    (
        "Does what `qianxun add --sync` does, now and whenever something changes in these folders, until Ctrl-C. "
        "Changes can be found within seconds. Addresses are looked at every sources.poll_seconds."
    ): (
        "先执行一次 `qianxun add --sync`，之后这些文件夹中一有变化就再次执行，直到按 Ctrl-C。变化在数秒内即可搜到。"
        "地址则每隔 sources.poll_seconds 查看一次。"
    ),
    "files, folders, addresses (default: the setting `documents`)": "文件、文件夹、地址（默认：设置项 `documents`）",
    "read files, folders and addresses into the knowledge base; changed ones again": (
        "将文件、文件夹和地址读入知识库；已变的重新读取"
    ),
    "list where documents came from, and what became of each file": "列出文档的来源，以及每个文件的处理结果",
    (
        "Lists the folders and addresses that were added, with the time of their last run and what became of their "
        "files; for one of them, file by file. Names of removed files are kept until `qianxun compact`."
    ): (
        "列出添加过的文件夹和地址、上次运行的时间以及其中文件的处理结果；指定其中一个时逐个文件列出。"
        "已移除文件的名称保留到运行 `qianxun compact` 为止。"
    ),
    "a folder or an address that was added: its files": "添加过的文件夹或地址：列出其文件",
    "every file of every folder and address": "所有文件夹和地址的全部文件",
    "only files of this status": "只列出此状态的文件",
    "bring everything that was added up to date first": "将添加过的全部内容更新到最新",
    "with --sync: read again what failed before": "与 --sync 合用：重新读取此前失败的内容",
    "forget this folder or address; its documents stay": "忘记此文件夹或地址；其文档保留",
    "--sync brings everything up to date.": "--sync 更新全部内容。",
    "For one folder or address: `qianxun add --sync PATH`.": "只更新一个文件夹或地址：`qianxun add --sync PATH`。",
    "--retry goes with --sync.": "--retry 须与 --sync 合用。",
    "For one folder or address: `qianxun add --retry PATH`.": "只处理一个文件夹或地址：`qianxun add --retry PATH`。",
    "--forget needs a folder or an address.": "--forget 需要给出文件夹或地址。",
    "`qianxun sources` lists them.": "`qianxun sources` 可列出它们。",
    "{root} was never added.": "从未添加过 {root}。",
    "`qianxun sources` lists what was.": "`qianxun sources` 列出添加过的内容。",
    "No files.": "没有文件。",
    "Nothing was added yet.": "尚未添加任何内容。",
    "last run (UTC)": "上次运行（UTC）",
    "files": "文件",
    "the last run was stopped": "上次运行被中止",
    "indexed": "已索引",
    "unchanged": "未变",
    "removed": "已移除",
    "Listing": "列出",
    # settings
    "label files by who may read them on the disk: `public`, `group:NAME` or `user:NAME`, anew at every `add`": (
        "按磁盘上谁可读取给文件加标签：`public`、`group:NAME` 或 `user:NAME`，每次 `add` 时重新确定"
    ),
    "documents fetched at a time from one place": "同时从一个来源读取的文档数",
    "pages of a web site or sitemap that are listed": "一个网站或站点地图最多列出的网页数",
    "largest page or file that is fetched from the web, unpacked": "从网上读取的网页或文件解压后的最大大小",
    "time between two requests to a web site; its robots.txt may ask for more": (
        "对同一网站两次请求的间隔；其 robots.txt 可以要求更长"
    ),
    "leave out what the robots.txt of a web site forbids": "不读取网站的 robots.txt 所禁止的内容",
    (
        "networks (10.0.0.0/8) and host names inside your own network that web pages may be fetched from, on any port; "
        "without it only public addresses are, on ports 80 and 443"
    ): ("允许读取网页的内部网段（10.0.0.0/8）和主机名，端口不限；不设时只读取公共地址的 80 和 443 端口"),
    "time between two looks of `watch` at an address": "`watch` 两次查看同一地址的间隔",
}
