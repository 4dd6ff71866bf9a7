"""Why a file was not read, on a line of a terminal."""

from qianxun.cli.words import shown_source
from qianxun.messages import say
from qianxun.reasons import reason_in_words


def named_reason(source: str, reason: str) -> str:
    """Why a file was not read, on one line that names it once: most reasons do so themselves."""
    flat, shown = reason_in_words(" ".join(reason.split())), shown_source(source)
    if source in flat:
        return flat.replace(source, shown)
    return say("{file}: {reason}", file=shown, reason=flat)
