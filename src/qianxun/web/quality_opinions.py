"""What people made known of passages, one judgement at a time, with the passages as the reader may see them."""

from dataclasses import dataclass
from typing import Final

from qianxun.errors import NotFound
from qianxun.records import Document, Passage, document_of
from qianxun.service.bases import Base
from qianxun.service.passages import passage_of
from qianxun.service.visit import Visit
from qianxun.storage.feedback import KINDS, Judgement, Kind

COUNT: Final = 30


@dataclass(frozen=True, slots=True)
class Opinion:
    """A judgement with the passages that it is of; those that word lists hide are left out."""

    judgement: Judgement
    passages: tuple[tuple[Document, Passage], ...]


def opinions(visit: Visit, base: Base, kind: str, before: int | None) -> tuple[list[Opinion], int | None]:
    """The newest judgements that the caller may see, and after which one the next page goes on; None at the end."""
    kinds: tuple[Kind, ...] = tuple(one for one in KINDS if one == kind) or KINDS
    found = base.kb.feedback.inbox(asker=visit.asker, kinds=kinds, before=before, count=COUNT)
    more = found[-1].id if len(found) == COUNT else None
    return [one for one in (_opinion(visit, base, judgement) for judgement in found) if one is not None], more


def opinion(visit: Visit, base: Base, id: int) -> Opinion:
    """One of them. Raises NotFound."""
    found = base.kb.feedback.inbox(asker=visit.asker, kinds=KINDS, before=id + 1, count=1)
    shown = _opinion(visit, base, found[0]) if found and found[0].id == id else None
    if shown is None:
        raise NotFound("There is no such feedback.", remedy="It may have been taken back before, or be too old.")
    return shown


def _opinion(visit: Visit, base: Base, judgement: Judgement) -> Opinion | None:
    """None for what is about files of somebody's conversation, which are theirs."""
    passages = []
    for chunk in (*judgement.chunks, *judgement.passed):
        try:
            visit.may_see(base.kb.document(document_of(chunk), asker=visit.asker))
        except NotFound:
            return None
    for chunk in judgement.chunks:
        try:
            document, passage, _ = passage_of(visit, base.kb, chunk, 0)
        except NotFound:
            continue
        passages.append((document, passage))
    return Opinion(judgement, tuple(passages))
