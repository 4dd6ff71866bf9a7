"""Chinese for conversations: storage/conversations.py."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "There is no conversation {token}.": "没有对话 {token}。",
    "`qianxun conversations` lists them.": "`qianxun conversations` 列出所有对话。",
    "The conversation has no turn {turn}.": "这个对话没有第 {turn} 轮。",
    "Turn {turn} is not running any more.": "第 {turn} 轮已不在进行。",
}
