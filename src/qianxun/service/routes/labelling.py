"""Which labels a caller may give and take: who is no administrator shares out only what they see themselves."""

from collections.abc import Iterable, Sequence

from qianxun.errors import Forbidden
from qianxun.service.access import Caller
from qianxun.service.visit import OWN_FILES


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
