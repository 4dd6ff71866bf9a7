"""Feedback as the accepted pairs that `qianxun adapt` reads, as far as the questions' texts were kept."""

import json
from collections.abc import Collection, Iterator

from qianxun.filters import visible_to
from qianxun.records import AcceptedPair, Asker
from qianxun.storage.database import batches
from qianxun.storage.feedback import DELIBERATE, Feedback, Kind
from qianxun.storage.store import Store


def accepted_pairs(
    feedback: Feedback, store: Store, asker: Asker, kinds: Collection[Kind] = DELIBERATE
) -> Iterator[AcceptedPair]:
    """The passages that were found good for a question, by question and chunk, each with its text as the quote.

    Only of documents that are there and that the asker may read; the texts come from the store.
    """
    good = [opinion for opinion in feedback.opinions(kinds) if opinion.score > 0.0]
    for batch in batches(good):
        found = store.passages([opinion.chunk for opinion in batch], visible_to(asker))
        for opinion in batch:
            if opinion.chunk in found:
                document, chunk = found[opinion.chunk]
                yield AcceptedPair(opinion.question, source=document.source, quote=chunk.text)


def line_of(pair: AcceptedPair) -> str:
    """A pair as a line of the JSON Lines that `qianxun adapt` reads."""
    record = {"question": pair.question, "source": pair.source, "quote": pair.quote}
    return json.dumps({key: value for key, value in record.items() if value}, ensure_ascii=False)
