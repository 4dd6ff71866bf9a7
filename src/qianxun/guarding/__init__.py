"""What may not be said, kept or obeyed: word lists, personal data, and what a shown answer may contain. Pure.

`guard` holds a text against word lists, `Guarding` one that comes in pieces; `masked` takes personal data out of logs
(`MaskingFilter` for Python's `logging`); `safe_links` leaves an answer no image, and no link that its passages lack.
This room knows no store and no model.
That documents are material and not instructions is `qianxun.prompting`.
"""

from qianxun.guarding.guard import SIGN, Guarded, Guarding, guard, strictest
from qianxun.guarding.links import addresses, safe_links
from qianxun.guarding.log_filter import MaskingFilter
from qianxun.guarding.personal import Tag, masked, personal_data
from qianxun.guarding.word_list import ACTIONS, DEFAULT_ACTION, Action, Entry, read_word_list
from qianxun.guarding.words import Found, Words, read_words

__all__ = [
    "ACTIONS",
    "DEFAULT_ACTION",
    "SIGN",
    "Action",
    "Entry",
    "Found",
    "Guarded",
    "Guarding",
    "MaskingFilter",
    "Tag",
    "Words",
    "addresses",
    "guard",
    "masked",
    "personal_data",
    "read_word_list",
    "read_words",
    "safe_links",
    "strictest",
]
