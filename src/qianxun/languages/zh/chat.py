"""Chinese for the chat: chat/ and the command `qianxun chat`."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # the command
    "serve the chat for a running service": "为运行中的服务提供聊天页面",
    "Serves the chat for a running service, until Ctrl-C; it needs the extra `chat`. `qianxun serve` with one "
    "worker has it at /chat by itself.": (
        "为运行中的服务提供聊天页面，按 Ctrl-C 结束；需要安装附加组件 `chat`。"
        "只有一个工作进程的 `qianxun serve` 自带聊天页面，地址为 /chat。"
    ),
    "address of the service (default: service.host and .port)": "服务的地址（默认：service.host 与 service.port）",
    "address to listen on": "监听地址",
    "port to listen on; 0 takes a free one": "监听端口；0 表示任选一个空闲端口",
    "a name that the chat goes by; may be repeated": "聊天页面所用的主机名；可多次给出",
    "The chat listens on {url}. Ctrl-C ends it.": "聊天页面的地址是 {url}，按 Ctrl-C 结束。",
    "Choose another port.": "请换一个端口。",
    "The chat needs Chainlit, which is not installed.": "聊天页面需要 Chainlit，但尚未安装。",
    "Run: pip install 'qianxun[chat]'": "请运行：pip install 'qianxun[chat]'",
    "Chat": "对话",
    # the door
    "Only pages of this chat may ask this.": "只有本站的聊天页面可以发出此请求。",
    "Too much was sent.": "发送的内容过大。",
    "This page is loaded again by itself in a few seconds.": "本页会在几秒后自动重新加载。",
    "The key does not hold.": "密钥无效。",
    "Ask your administrator for one.": "请向管理员索取。",
    "This passage was removed, or is not for you.": "该段落已移除，或您无权查看。",
    "Some of what is cited does not stand here any more.": "所引用的内容有一部分已不在此处。",
    # conversations
    "There is no such conversation.": "没有这个会话。",
    "Begin a new one.": "请新建一个会话。",
    "(no title)": "（无标题）",
    "There is no passage that this could be about.": "这条评价没有对应的段落。",
    "Answers can be judged by who is signed in.": "登录后才能评价。",
    "Load the page anew, then this answer can be judged.": "请刷新页面，然后再评价这个回答。",
    "There is no answer that could be judged.": "没有可以评价的回答。",
    "A thumb is about passages, and an answer that found nothing names none. The page Quality lists such questions.": (
        "评价针对所引用的段落，没有找到依据的回答不引用段落。“质量”页面列出这类问题。"
    ),
    "A thumb is about documents of the knowledge base; this answer rests on files of this conversation.": (
        "评价针对知识库的文档，而这个回答依据的是本会话的文件。"
    ),
    "The answer was broken off.": "回答中断了。",
    "Ask for the rest again.": "请重新获取余下部分。",
    # answers
    "No answer": "没有回答",
    "Search: {n} passages, {seconds} s": "检索：{n} 个段落，{seconds} 秒",
    "Search: {n} passages; answer after {seconds} s": "检索：{n} 个段落；{seconds} 秒后答完",
    "The sources disagree:": "各来源说法不一：",
    "Open the document here": "在文档中打开此处",
    "Ask again": "重新提问",
    "- {what}: {seconds} s": "- {what}：{seconds} 秒",
    "- {what}: {model}": "- {what}：{model}",
    "This answer was not finished: a model failed, or the service ended while it was written.": (
        "这个回答没有写完：模型出错，或服务在写作中途停止。"
    ),
    "Ask the question again.": "请重新提问。",
    "This answer reached its length limit before its end.": "这个回答达到长度上限，没有写完。",
    "This answer ran out of time before its end.": "这个回答超过时间上限，没有写完。",
    "This answer began to repeat itself and was stopped.": "这个回答开始重复同样的话，已被中止。",
    "The model did not answer: these are quotations from the documents.": "模型没有作答，以下是从文档中摘引的原文。",
    "The model did not answer, and quoting found nothing: ask again later.": (
        "模型没有作答，摘引原文也没有找到依据，请稍后重新提问。"
    ),
    # files
    "Reading files": "正在读取文件",
    "Reading files: {done} of {total}": "正在读取文件：{done}/{total}",
    "Files are read": "文件已读取",
    "Files are not read": "文件未能读取",
    "Reading was stopped.": "已停止读取。",
    "Some files are not read": "部分文件未能读取",
    "The file is empty.": "文件是空的。",
    "Files can be sent by who is signed in.": "登录后才能上传文件。",
    # settings of the page
    "as set for everybody": "按系统设置",
    "none": "无",
    "Persona": "角色",
    "Which documents": "限定文档",
    "For instance {example}. Fields: source, title, format, label, modified. Signs: = != ^= (begins with) "
    "~ (contains) < > in; conditions are joined by and, or, not. Empty: all.": (
        "例如：{example}。可用字段：来源 source、标题 title、格式 format、标签 label、修改时间 modified；"
        "运算符：=、!=、^=（开头是）、~（包含）、<、>、in（属于）；条件之间用“且”“或”“非”（and、or、not），前后留空格。"
        "留空表示全部。"
    ),
    "What was set here does not hold any more: {fields}": "原来的设置不再有效：{fields}",
    "This holds here, but is not kept with the conversation: {why}": "设置在本页有效，但没有随会话保存：{why}",
    "label = hr and modified >= 2025-01-01": "标签 = 人事 且 修改时间 >= 2025-01-01",
    "not signed in": "未登录",
    "Files of this conversation:": "本会话的文件：",
    "Divide the question": "拆分问题",
    "Into so many sub-questions at most, each searched by itself. 0: not at all.": (
        "最多拆成几个子问题，分别检索；0 表示不拆分。"
    ),
    "{n} documents": "{n} 份文档",
}
