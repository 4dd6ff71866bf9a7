"""Who asks, and what they may. Knows keys and what a token says, but no HTTP.

An administrator sees every document. Anybody else sees what shares a label with them; who shows nothing is `public`,
and only reads.
"""

from dataclasses import dataclass
from typing import Final

from qianxun.files import OWN_FILES
from qianxun.records import Asker
from qianxun.settings import ServiceSettings
from qianxun.storage.keys import ACTIONS, USUAL, Action, Grant, Key

__all__ = ["ACTIONS", "USUAL", "Action", "Caller", "Limits", "caller_of_key", "nobody"]

PUBLIC: Final = "public"
# What who shows no key may do: nothing that is kept or changes anything.
_READING: Final[frozenset[Action]] = frozenset(("search", "ask", "read"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a caller may ask for; 0: any."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0
    streams: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `id` names them in the audit, in quotas, and as owner of conversations and jobs; `name` is for people.

    `labels` None: every document. `bases` None: every knowledge base.
    """

    id: str
    name: str
    labels: frozenset[str] | None
    bases: frozenset[str] | None
    actions: frozenset[Action]
    limits: Limits

    @property
    def asker(self) -> Asker:
        """Their rights to documents."""
        return Asker(self.labels)

    @property
    def is_admin(self) -> bool:
        """Whether they may do everything."""
        return "admin" in self.actions

    @property
    def is_anonymous(self) -> bool:
        """Whether they have shown nothing: many people may be behind it."""
        return self.id == PUBLIC

    def may(self, action: Action) -> bool:
        """Whether they may do this, in some knowledge base."""
        return action in self.actions or self.is_admin

    def may_use(self, base: str) -> bool:
        """Whether there is such a knowledge base as far as they are concerned."""
        return self.bases is None or base in self.bases


def caller_of_key(key: Key, settings: ServiceSettings) -> Caller:
    """Who shows a key."""
    return caller_of(f"key:{key.id}", key.name, key.grant, settings)


def caller_of(id: str, name: str, grant: Grant, settings: ServiceSettings) -> Caller:
    """Somebody to whom this was granted; where it sets no limit, the settings' holds. None holds for administrators."""
    limits = Limits(
        grant.requests_per_minute or settings.requests_per_minute,
        grant.tokens_per_day or settings.tokens_per_day,
        grant.streams or settings.streams_per_caller,
    )
    if "admin" in grant.actions:
        limits = Limits(grant.requests_per_minute, grant.tokens_per_day, grant.streams)
    labels = grant.labels
    if labels is not None:  # no key and no token opens what is a conversation's own
        labels = frozenset(label for label in labels if not label.startswith(OWN_FILES))
    return Caller(id, name, labels, grant.bases, grant.actions, limits)


def nobody(settings: ServiceSettings) -> Caller:
    """Who shows no key."""
    limits = Limits(settings.anonymous_requests_per_minute, settings.tokens_per_day, settings.streams_per_caller)
    return Caller(PUBLIC, PUBLIC, frozenset((PUBLIC,)), None, _READING, limits)
