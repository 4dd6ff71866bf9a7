"""A filter of Python's `logging` that masks what is personal before anything is written.

    handler.addFilter(MaskingFilter())

On handlers, not on loggers: a logger's filters do not see what the loggers below it say.
"""

import logging

from qianxun.guarding.personal import masked

# What every record has, of which nothing but the message, the exception and the stack is anybody's words.
_OWN: frozenset[str] = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class MaskingFilter(logging.Filter):
    """Masks the message with its arguments, the exception's text and stack, and texts given as `extra`.

    The record then holds only masked text: its arguments and its exception object are gone, so that no other handler,
    and no error in writing the record, shows them. Lets every record pass.
    """

    def __init__(self, *, addresses: bool = False) -> None:
        super().__init__()
        self._addresses = addresses

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks in place; masking twice changes nothing more."""
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit: logging would print them to stderr as they are
            message = f"{record.msg} {record.args!r}"
        record.msg, record.args = self._masked(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        for name in ("exc_text", "stack_info"):
            text = getattr(record, name, None)
            if text:
                setattr(record, name, self._masked(text))
        for name, value in vars(record).items():
            if name not in _OWN and isinstance(value, str):
                setattr(record, name, self._masked(value))
        return True

    def _masked(self, text: str) -> str:
        return masked(text, addresses=self._addresses)
