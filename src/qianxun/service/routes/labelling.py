"""Which labels a caller may give and take: who is no administrator shares out only what they see themselves."""

from collections.abc import Iterable, Sequence

from qianxun.errors import Forbidden
from qianxun.records import Document
from qianxun.service.access import Caller
from qianxun.service.bases import Base
from qianxun.service.visit import OWN_FILES, Visit


async def labelled(visit: Visit, base: str, id: int, *, add: Sequence[str], remove: Sequence[str]) -> Document:
    """A document that was given and taken labels, as it is now. Raises NotFound, Forbidden, InputError."""
    visit.facts.action = "label"
    there = visit.base(base, "write")
    visit.facts.documents, visit.facts.changes = (id,), True
    visit.facts.detail = {"add": sorted(add), "remove": sorted(remove)}
    return await visit.run("change", _labelled, visit, there, id, add, remove)


def _labelled(visit: Visit, there: Base, id: int, add: Sequence[str], remove: Sequence[str]) -> Document:
    visit.may_see(there.kb.document(id, asker=visit.asker))
    # What is inside its file goes with it, as far as the caller may see that.
    for one in there.kb.matching([id], asker=visit.asker):
        may_label(visit.caller, one.labels, add=add, remove=remove)
    after = there.kb.label([id], add=add, remove=remove, asker=visit.asker)
    return next(one for one in after if one.id == id)


def may_label(caller: Caller, before: Iterable[str], *, add: Sequence[str], remove: Sequence[str]) -> None:
    """Raises Forbidden for labels that are not the caller's, and for a change after which they would not see it."""
    own = caller.labels
    given = [*add, *remove]
    foreign = [one for one in given if one.startswith(OWN_FILES) or (own is not None and one not in own)]
    if foreign:
        raise Forbidden(
            "The label {label!r} is not yours to give or take.",
            remedy="Use your own: {known}.",
            label=foreign[0],
            known=", ".join(sorted(own or ())) or "–",
        )
    if own is not None and own.isdisjoint({*before, *add} - {*remove}):
        raise Forbidden("You would not see the document any more.", remedy="Leave it one of your labels.")
