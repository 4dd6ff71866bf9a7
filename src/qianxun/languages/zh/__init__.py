"""Chinese (simplified): English template → translation with the same placeholders.

One module for each room of the code. `tests/test_messages.py` finds what is missing or left over.
"""

from typing import Final

from qianxun.languages.zh import (
    answers,
    comparing,
    documents,
    encodings,
    enrichment,
    filtering,
    in_process,
    main,
    models,
    pdf,
    ranking,
    recognition,
    records,
    remote,
    serving,
    slides,
    sources,
    splitting,
    spreadsheets,
    stores,
    training,
    tuning,
    wrappers,
)

MESSAGES: Final[dict[str, str]] = {
    **answers.MESSAGES,
    **comparing.MESSAGES,
    **documents.MESSAGES,
    **encodings.MESSAGES,
    **enrichment.MESSAGES,
    **filtering.MESSAGES,
    **in_process.MESSAGES,
    **main.MESSAGES,
    **models.MESSAGES,
    **pdf.MESSAGES,
    **ranking.MESSAGES,
    **recognition.MESSAGES,
    **records.MESSAGES,
    **remote.MESSAGES,
    **serving.MESSAGES,
    **slides.MESSAGES,
    **sources.MESSAGES,
    **splitting.MESSAGES,
    **spreadsheets.MESSAGES,
    **stores.MESSAGES,
    **training.MESSAGES,
    **tuning.MESSAGES,
    **wrappers.MESSAGES,
}
