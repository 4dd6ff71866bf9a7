"""The Python client."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "{url!r} is not the address of a service.": "{url!r} 不是服务的地址。",
    "Example: http://127.0.0.1:8000": "例如：http://127.0.0.1:8000",
    "The service at {url} cannot be reached ({error}).": "联系不上 {url} 处的服务（{error}）。",
    "Check that `qianxun serve` runs there, and the network.": "请检查那里是否运行着 `qianxun serve`，以及网络。",
    "{url} does not answer as a qianxun service does.": "{url} 的回答不像 qianxun 服务。",
    "Check the address.": "请检查地址。",
    "The reply of the service is not understood ({error}).": "看不懂服务的回答（{error}）。",
    "Check that the address is that of a qianxun service, and its version.": "请检查地址是否为 qianxun 服务，以及它的"
    "版本。",
    "An event of the service is no JSON.": "服务的一个事件不是 JSON。",
    "An event of the service has no end.": "服务的一个事件没有结尾。",
    "The answer was broken off.": "答案中断了。",
    "Ask for the rest again.": "请再次请求其余部分。",
    "{text}": "{text}",
    "{path} is no file.": "{path} 不是文件。",
    "Name files; a folder is sent file by file.": "请指明文件；文件夹要逐个文件发送。",
}
