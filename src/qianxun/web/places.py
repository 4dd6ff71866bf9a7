"""Where a passage stands in its document, in the reader's words. Knows no page."""

import re
from typing import Final

from qianxun.messages import say

# As the readers of the formats write it; before it may stand the name of a sheet.
_PLACE: Final = re.compile(r"\b(rows?|lines?|slide|section) (\d+(?:–\d+)?)\Z")


def place_in_words(location: str) -> str:
    """A location as it is kept with a passage, in the reader's language; one that is a name stays as it is."""
    found = _PLACE.search(location)
    if found is None:
        return location
    kind, numbers = found.groups()
    words = {
        "row": say("row {numbers}", numbers=numbers),
        "rows": say("rows {numbers}", numbers=numbers),
        "line": say("line {numbers}", numbers=numbers),
        "lines": say("lines {numbers}", numbers=numbers),
        "slide": say("slide {numbers}", numbers=numbers),
        "section": say("section {numbers}", numbers=numbers),
    }
    return location[: found.start()] + words[kind]
