"""The chat: a page of Chainlit's (extra `chat`) over the service's conversations. It speaks HTTP to the service alone.

`door` decides who comes in and what may come out, `talk` asks and shows answers, `history` lists conversations,
`shown` writes answers as Markdown, `folder` is where Chainlit lives. No request leaves the host.
"""

from importlib import util


def is_installed() -> bool:
    """Whether the extra is there."""
    return util.find_spec("chainlit") is not None
