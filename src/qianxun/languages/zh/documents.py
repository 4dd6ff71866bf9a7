"""Chinese: what is said of documents that are read."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # archives
    "{path} is not a readable archive ({error}).": "{path} 不是可读的压缩包（{error}）。",
    "Copy it again, or unpack it and add the files.": "请重新复制该文件，或解压后添加其中的文件。",
    "{path} is damaged in its archive ({error}).": "{path} 在压缩包中已损坏（{error}）。",
    "Copy the archive again, or unpack it and add the files.": "请重新复制该压缩包，或解压后添加其中的文件。",
    "{path} is more than {mb} MB unpacked.": "{path} 解压后超过 {mb} MB。",
    "Unpack it and add the files, or raise reading.max_memory_mb.": (
        "请解压后添加其中的文件，或调高 reading.max_memory_mb。"
    ),
    "{path} is packed in a way that cannot be read ({error}).": "{path} 的压缩方式无法读取（{error}）。",
    "Unpack it and add the files.": "请解压后添加其中的文件。",
    "{path} holds more than {n} files.": "{path} 中的文件超过 {n} 个。",
    "{path} lies in archives within archives within archives.": "{path} 位于层层嵌套的压缩包中。",
    "Unpack them and add the files.": "请逐层解压后添加其中的文件。",
    "{path} and what came before it are more than {mb} MB unpacked.": "{path} 连同之前的文件解压后超过 {mb} MB。",
    "Raise reading.max_unpacked_mb, or unpack the file and add what is in it.": (
        "请调高 reading.max_unpacked_mb，或解压后添加其中的文件。"
    ),
    # letters
    "{path} is no mail: it has no sender, subject or date.": "{path} 不是邮件：没有发件人、主题或日期。",
    "Save the letter again as .eml.": "请将邮件重新保存为 .eml。",
    "{path} is not a readable letter of Outlook ({error}).": "{path} 不是可读的 Outlook 邮件（{error}）。",
    "Save the letter again, or as .eml.": "请重新保存该邮件，或另存为 .eml。",
    # duplicates
    (
        "Lists documents that share most of their text, longest first: copies, versions, the same file in two "
        "archives. Nothing is removed."
    ): "列出大部分文字相同的文档，长的在前：副本、不同版本、两个压缩包中的同一文件。不会移除任何内容。",
    "share of the text, above 0 to 1 (default 0.8)": "文字相同的比例，大于 0，至多 1（默认 0.8）",
    "--least is {value:g}.": "--least 为 {value:g}。",
    "Give a share above 0, 1 at most.": "请给出大于 0、不超过 1 的比例。",
    "No duplicates.": "没有重复的文档。",
    "group": "组",
    "alike": "相同",
    "list documents that say the same": "列出内容相同的文档",
    # watch
    "look every second instead of being told: for network shares": "每秒查看一次而不等通知：用于网络共享",
    "Watching; Ctrl-C ends.": "正在监视；按 Ctrl-C 结束。",
    "keep folders in step: what changes in them is found within seconds": "让知识库与文件夹保持同步：变化数秒内可搜到",
    # settings
    "names or dotted paths of the fields of JSON that are read, such as body or message.text; empty: all words": (
        "读取 JSON 中哪些字段，写名称或带点的路径，例如 body 或 message.text；空表示读取全部文字"
    ),
    "field of JSON that a record is headed by; empty: none": "以 JSON 的哪个字段作为记录标题；空表示没有",
    "patterns of names or paths that files below a folder must match one of, such as *.pdf; empty: all files": (
        "文件夹中的文件须匹配其中之一的名称或路径模式，例如 *.pdf；空表示全部文件"
    ),
    "symbolic links that are followed: none, those to files, or those to folders too": (
        "跟随哪些符号链接：none 不跟随，files 只跟随指向文件的，all 也跟随指向文件夹的"
    ),
    "most that the files inside one archive or mailbox may be together": "一个压缩包或邮箱中所有文件合计的上限",
}
