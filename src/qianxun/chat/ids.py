"""Names of conversations and answers, as Chainlit keeps them: they say where in the service each is. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from qianxun.errors import NotFound

_FORM: Final = re.compile(r"([0-9a-f]{32})\.(?:([1-9][0-9]{0,8})([qra])\.)?(\w[\w.-]{0,62})")


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation of a knowledge base; with a `turn` from 1 a `part` of it: its question ("q"), what was done for it
    ("r", what Chainlit calls a run) or the answer ("a")."""

    base: str
    token: str
    turn: int = 0
    part: str = ""

    @property
    def id(self) -> str:
        """Its name."""
        turn = f"{self.turn}{self.part}." if self.turn else ""
        return f"{self.token}.{turn}{self.base}"


def place_of(id: str) -> Place:
    """What a name says. Raises NotFound for what is no such name."""
    found = _FORM.fullmatch(id)
    if found is None:
        raise NotFound("There is no such conversation.", remedy="Begin a new one.")
    return Place(found[4], found[1], int(found[2] or 0), found[3] or "")
