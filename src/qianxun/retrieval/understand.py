"""A question made ready for every index: its terms, other ways to write them, its vector. Knows no index."""

import dataclasses
from collections.abc import Collection

from qianxun.errors import InputError
from qianxun.protocols import Encoder
from qianxun.records import Query
from qianxun.retrieval.adapt import Adapter
from qianxun.retrieval.expand import Synonyms, alternatives
from qianxun.text import ENGLISH, characters, fold, has_cjk, words


def cut_question(question: str, max_chars: int) -> tuple[str, bool]:
    """The question without surrounding white space, cut to `max_chars`; True if it had to be cut.

    Raises InputError if nothing is left.
    """
    text = question.strip()
    if not text:
        raise InputError("The question is empty.", remedy="Write what you are looking for.")
    return text[:max_chars], len(text) > max_chars


def understand(
    question: str,
    *,
    languages: Collection[str] = (),
    synonyms: Synonyms | None = None,
    other_writings: bool = True,
    must: tuple[str, ...] = (),
    must_characters: tuple[str, ...] = (),
) -> Query:
    """Distinct folded terms in the order of the question, and other ways to write them. No vector yet.

    `languages` are those of the documents' words: a question of four words does not tell its own, so its words are
    tried with the stems of each. `other_writings`: identifiers, numbers and dates as others write them.
    `must` are terms without which an index finds nothing.
    """
    folded = fold(question)
    terms = tuple(dict.fromkeys(words(folded)))
    found = alternatives(folded, synonyms=synonyms, written=other_writings)
    pieces = [(piece.asked, *piece.others) for piece in found]
    free = set(terms) - {term for ways in pieces for term in ways[0]}
    return Query(
        text=question,
        words=terms,
        characters=tuple(dict.fromkeys(characters(folded))),
        alternatives=tuple(pieces) + _stems(folded, languages, free),
        must=must,
        must_characters=must_characters,
    )


def encoded(query: Query, encoder: Encoder, adapter: Adapter | None = None) -> Query:
    """The query with its vector: what the encoder makes of the question, moved by the adapter if there is one."""
    vector = encoder.encode_queries([query.text])[0]
    return dataclasses.replace(query, vector=vector if adapter is None else adapter.apply(vector))


def _stems(folded: str, languages: Collection[str], free: Collection[str]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """For each word that languages stem otherwise than English does, its stems; only for terms that are `free`."""
    others = sorted(set(languages) - {ENGLISH})
    if not others:
        return ()
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for word in folded.split():
        if has_cjk(word):
            continue
        for terms in zip(words(word), *(words(word, language) for language in others), strict=False):
            ways = tuple(dict.fromkeys(terms))
            if len(ways) > 1 and ways[0] in free:
                found.setdefault(ways[0], tuple((way,) for way in ways))
    return tuple(found.values())


def matched_terms(query: Query, text: str) -> tuple[str, ...]:
    """The question's terms that occur in a text, in the question's order; single characters only where no word does.

    A term that occurs in another way to write it counts as that way.
    """
    folded = fold(text)
    others = {ways[0]: ways[1:] for ways in query.alternatives}
    for way, *near in query.similar:
        others[way] = (*others.get(way, ()), *near)
    found = [term for term in query.words if term in folded]
    for asked, ways in others.items():
        if not all(term in folded for term in asked):
            found += next((list(way) for way in ways if all(term in folded for term in way)), [])
    covered = set("".join(found))
    return tuple(dict.fromkeys([*found, *(c for c in query.characters if c not in covered and c in folded)]))
