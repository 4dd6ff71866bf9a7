"""Chinese for models/wrappers, models/structured, models/in_process/generator and caches."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # caches
    "The cache in Redis needs a package that is not installed.": "Redis 缓存所需的软件包未安装。",
    "Run `pip install 'qianxun[redis]'`.": "请运行 `pip install 'qianxun[redis]'`。",
    "{setting} is not the address of a Redis.": "{setting} 不是 Redis 的地址。",
    "Write it as redis://HOST:6379/0, rediss:// with encryption, or unix:///PATH.": "请写成 redis://主机:6379/0；加密连接用 rediss://，本机套接字用 unix:///路径。",
    # models/wrappers
    "The {engine} was closed.": "模型引擎（{engine}）已关闭。",
    "Open the knowledge base again.": "请重新打开知识库。",
    # models/structured
    "The model's answer is not JSON: {reason}.": "模型的回答不是 JSON：{reason}。",
    "Ask again, or allow a longer answer if it was cut off.": "请再问一次；若回答被截断，请允许更长的回答。",
    "The model's answer does not fit the JSON schema: {reason}.": "模型的回答不符合 JSON Schema：{reason}。",
    "Ask again, or ask for a simpler form.": "请再问一次，或改用更简单的格式。",
    "The JSON schema cannot be used: {reason}.": "JSON Schema 不可用：{reason}。",
    "Correct it; it may refer to its own parts only.": "请改正；它只能引用自身的部分。",
    "The model's answer was cut off by its length limit before its JSON ended.": "模型的回答达到长度上限而被截断，JSON 不完整。",
    "Set generator.max_tokens higher.": "请调大 generator.max_tokens。",
    # models/in_process/generator
    "{folder}: its tokenizer cannot be read: {reason}.": "{folder}：无法读取其分词器：{reason}。",
    "The model {model} has no chat template.": "模型 {model} 没有对话模板。",
    "Name one that was made for conversation, such as Qwen/Qwen2.5-7B-Instruct.": "请指定对话模型，例如 Qwen/Qwen2.5-7B-Instruct。",
    "generator.context_tokens is {tokens}, but the model has {positions} positions.": "generator.context_tokens 为 {tokens}，但模型只有 {positions} 个位置。",
    "The prompt has {tokens} tokens and leaves no room for an answer: the model takes {most} together.": "提示有 {tokens} 个词元，没有留给回答的余地：模型总共只能处理 {most} 个词元。",
    "Ask with fewer or shorter passages.": "请减少或缩短引用的段落。",
    "A conversation has turns of the roles {known}, not {roles!r}.": "对话的角色只能是 {known}，不能是 {roles!r}。",
    "Correct the messages.": "请改正消息。",
    "The chat template of {model} does not take these messages: {reason}.": "{model} 的对话模板不接受这些消息：{reason}。",
    "Use roles in the order that it wants.": "请按它要求的顺序使用角色。",
    "The {engine} computed numbers that are not finite.": "模型引擎（{engine}）算出了非有限数值。",
    "Set generator.precision to float32 or bfloat16, or copy the model again.": "请把 generator.precision 设为 float32 或 bfloat16，或重新复制模型。",
}
