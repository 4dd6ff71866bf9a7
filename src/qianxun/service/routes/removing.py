"""Taking documents out, with the receipt as the caller may see it."""

from collections.abc import Sequence
from typing import Any, Final

from qianxun.service.bases import Base
from qianxun.service.visit import Visit
from qianxun.shapes import receipt_shape

# What of a receipt counts other people's words.
OF_OTHERS: Final = ("answers", "questions", "judgements")


async def removed(visit: Visit, base: str, ids: Sequence[int], *, purge: bool) -> dict[str, Any]:
    """The receipt of documents that were taken out with everything made from them. Raises NotFound, Forbidden.

    Of what is inside their files, only what the caller may see goes with them. How many answers and judgements of
    others were about them only administrators are told.
    """
    visit.facts.action = "documents.remove"
    there = visit.base(base, "write")
    visit.facts.documents, visit.facts.changes = tuple(ids), True
    return await visit.run("change", _removed, visit, there, ids, purge)


def _removed(visit: Visit, there: Base, ids: Sequence[int], purge: bool) -> dict[str, Any]:
    visit.must_see(there, ids)
    receipt = receipt_shape(there.kb.remove(ids, purge=purge, asker=visit.asker))
    return receipt if visit.caller.is_admin else receipt | dict.fromkeys(OF_OTHERS)
