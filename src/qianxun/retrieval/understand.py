"""A question made ready for every index: its terms and its vector. Knows no index."""

from qianxun.errors import InputError
from qianxun.protocols import Encoder
from qianxun.records import Query
from qianxun.retrieval.adapt import Adapter
from qianxun.text import characters, fold, words


def cut_question(question: str, max_chars: int) -> tuple[str, bool]:
    """The question without surrounding white space, cut to `max_chars`; True if it had to be cut.

    Raises InputError if nothing is left.
    """
    text = question.strip()
    if not text:
        raise InputError("The question is empty.", remedy="Write what you are looking for.")
    return text[:max_chars], len(text) > max_chars


def understand(question: str, encoder: Encoder | None, adapter: Adapter | None = None) -> Query:
    """Distinct folded terms in the order of the question, and its vector if an encoder is given.

    The vector is what the encoder makes, moved by the adapter if there is one.
    """
    folded = fold(question)
    vector = encoder.encode_queries([question])[0] if encoder is not None else None
    if vector is not None and adapter is not None:
        vector = adapter.apply(vector)
    return Query(
        text=question,
        words=tuple(dict.fromkeys(words(folded))),
        characters=tuple(dict.fromkeys(characters(folded))),
        vector=vector,
    )


def matched_terms(query: Query, text: str) -> tuple[str, ...]:
    """The question's terms that occur in a text, in the question's order; single characters only where no word does."""
    folded = fold(text)
    found = tuple(term for term in query.words if term in folded)
    covered = set("".join(found))
    return found + tuple(c for c in query.characters if c not in covered and c in folded)
