"""For the tests of those who build on qianxun, and for its own: a chat server that answers by a script.

Needs nothing but the standard library, and nothing of the package needs it. docs/testing.md shows how it is used.
"""

from qianxun.testing.reply import Reply
from qianxun.testing.server import Request, ScriptedServer

__all__ = ["Reply", "Request", "ScriptedServer"]
