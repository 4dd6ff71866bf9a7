"""Numbers of things in words: `1 passage`, `2 passages`; Chinese needs one form only."""

from qianxun.messages import say


def passages(n: int) -> str:
    """How many passages."""
    return say("1 passage") if n == 1 else say("{n} passages", n=f"{n:,}")


def passages_read(n: int) -> str:
    """How many passages were read for an answer."""
    return say("1 passage read") if n == 1 else say("{n} passages read", n=f"{n:,}")


def documents(n: int) -> str:
    """How many documents."""
    return say("1 document") if n == 1 else say("{n} documents", n=f"{n:,}")


def files(n: int) -> str:
    """How many files."""
    return say("1 file") if n == 1 else say("{n} files", n=f"{n:,}")


def chunks(n: int) -> str:
    """How many chunks."""
    return say("1 chunk") if n == 1 else say("{n} chunks", n=f"{n:,}")


def new_chunks(n: int) -> str:
    """How many new chunks."""
    return say("1 new chunk") if n == 1 else say("{n} new chunks", n=f"{n:,}")


def conversations(n: int) -> str:
    """How many conversations."""
    return say("1 conversation") if n == 1 else say("{n} conversations", n=f"{n:,}")


def vectors(n: int) -> str:
    """How many vectors."""
    return say("1 vector") if n == 1 else say("{n} vectors", n=f"{n:,}")


def questions(n: int) -> str:
    """How many questions."""
    return say("1 question") if n == 1 else say("{n} questions", n=f"{n:,}")


def pairs(n: int) -> str:
    """How many accepted pairs."""
    return say("1 pair") if n == 1 else say("{n} pairs", n=f"{n:,}")


def problems(n: int) -> str:
    """How many problems."""
    return say("1 problem") if n == 1 else say("{n} problems", n=f"{n:,}")
