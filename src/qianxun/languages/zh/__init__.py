"""Chinese (simplified): English template → translation with the same placeholders.

One module for each room of the code. `tests/test_messages.py` finds what is missing or left over.
"""

from typing import Final

from qianxun.languages.zh import (
    documents,
    encodings,
    in_process,
    main,
    models,
    records,
    remote,
    serving,
    slides,
    spreadsheets,
    wrappers,
)

MESSAGES: Final[dict[str, str]] = {
    **main.MESSAGES,
    **documents.MESSAGES,
    **models.MESSAGES,
    **encodings.MESSAGES,
    **in_process.MESSAGES,
    **records.MESSAGES,
    **remote.MESSAGES,
    **serving.MESSAGES,
    **slides.MESSAGES,
    **spreadsheets.MESSAGES,
    **wrappers.MESSAGES,
}
