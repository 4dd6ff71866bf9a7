"""Chinese (simplified): English template → translation with the same placeholders.

One module for each room of the code. `tests/test_messages.py` finds what is missing or left over.
"""

from typing import Final

from qianxun.languages.zh import (
    documents,
    encodings,
    enrichment,
    in_process,
    main,
    models,
    pdf,
    recognition,
    records,
    remote,
    serving,
    slides,
    sources,
    splitting,
    spreadsheets,
    stores,
    wrappers,
)

MESSAGES: Final[dict[str, str]] = {
    **documents.MESSAGES,
    **encodings.MESSAGES,
    **enrichment.MESSAGES,
    **in_process.MESSAGES,
    **main.MESSAGES,
    **models.MESSAGES,
    **pdf.MESSAGES,
    **recognition.MESSAGES,
    **records.MESSAGES,
    **remote.MESSAGES,
    **serving.MESSAGES,
    **slides.MESSAGES,
    **sources.MESSAGES,
    **splitting.MESSAGES,
    **spreadsheets.MESSAGES,
    **stores.MESSAGES,
    **wrappers.MESSAGES,
}
