"""Chinese for testing."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # reply.py
    "A scripted reply cannot have {name} = {value}.": "脚本中的回答不能有 {name} = {value}。",
    "docs/testing.md says what a reply may hold.": "回答可以包含什么，见 docs/testing.md。",
    "{value} is no scripted reply.": "{value} 不是脚本中的回答。",
    "Write a text, or an object.": "请写成文本或对象。",
    "A scripted reply has no {name!r}.": "脚本中的回答没有 {name!r} 这一项。",
    "It may have: {names}.": "可以有：{names}。",
    "{path} cannot be read ({reason}).": "无法读取 {path}（{reason}）。",
    "Name a file of JSON with a list of replies.": "请指定一个 JSON 文件，内容是回答的列表。",
    "{path} is not JSON: {reason}.": "{path} 不是 JSON：{reason}。",
    "{path} holds no replies.": "{path} 中没有回答。",
    "Write a list of replies.": "请写成回答的列表。",
    # server.py
    "The scripted server cannot listen at {host}, port {port} ({reason}).": "脚本服务器无法在 {host} 的端口 {port} 上监听（{reason}）。",
    "Choose another port; 0 takes any that is free.": "请换一个端口；0 表示任一空闲端口。",
    # __main__.py
    "Serve OpenAI's chat endpoint by a script, for tests.": "按脚本提供 OpenAI 的对话接口，供测试使用。",
    "a file of JSON with a list of replies; without it, an echo": "JSON 文件，内容是回答的列表；不指定则原样返回最后一条消息",
    "begin again when all replies have been given": "所有回答给完之后从头再来",
    "the model that is listed": "列出的模型名",
    "a key that requests must show": "请求必须出示的密钥",
    "where to listen": "监听的地址",
    "the port; 0, the default, is any that is free": "端口；默认为 0，即任一空闲端口",
}
