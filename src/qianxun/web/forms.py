"""Forms as browsers send them: fields as large as a request may be, and what is wrong with one in its reader's words.

The framework takes no field of more than a mebibyte, which is 350,000 Chinese characters. How large a request may be at
all is said at the door. Knows no form.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from qianxun.errors import InputError, NotFound
from qianxun.messages import say, speaking
from qianxun.service.refused import InvalidRequest
from qianxun.service.visit import visit_of
from qianxun.web.site import language_of

_MOST_SEEN_CHARS: Final = 100
_BACK: Final = "Go back and change it."


class LargeFields(APIRoute):
    """A route whose form may be one large field."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, for which the form is read already: it is kept with the request."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def served(request: Request) -> Response:
            most = visit_of(request).service.settings.service.max_body_mb
            await request.form(max_part_size=int(most * 1_000_000))
            return await handler(request)

        return served


def refused(fault: Mapping[str, Any], request: Request) -> InputError:
    """What is wrong with a field, as pydantic tells it, for who sees its name on a page and not in an address.

    What no address of a page can be is not there.
    """
    if fault.get("loc", ("",))[0] == "path":
        return NotFound("There is no such path.")
    with speaking(language_of(request)):
        # Behind the name of a list stands a place in it.
        name = next((part for part in reversed(fault.get("loc", ())) if isinstance(part, str)), "")
        where = {
            "addresses": say("Addresses"),
            "days": say("Of the last days"),
            "id": say("Document"),
            "labels": say("Labels"),
            "least": say("Alike at least, in %"),
            "max_tokens": say("Largest chunk, in tokens"),
            "name": say("Name"),
            "note": say("Note"),
            "overlap_sentences": say("Sentences repeated"),
            "overlap_tokens": say("Tokens repeated (by size alone)"),
            "q": say("Question"),
            "question": say("Question"),
            "questions": say("Questions"),
            "set": say("Question set"),
        }.get(name, name)
    bounds = dict(fault.get("ctx") or {})
    bound = next((f"{bounds[key]:,}" for key in ("ge", "le", "max_length") if key in bounds), "")
    given = {"where": where, "bound": bound, "seen": str(fault.get("input"))[:_MOST_SEEN_CHARS]}
    match fault.get("type"):
        case "greater_than_equal":
            return InvalidRequest("{where}: {seen} is too small; {bound} at least.", remedy=_BACK, **given)
        case "less_than_equal":
            return InvalidRequest("{where}: {seen} is too large; {bound} at most.", remedy=_BACK, **given)
        case "string_too_long":
            return InvalidRequest("{where}: too long; {bound} characters at most.", remedy=_BACK, **given)
        case "int_parsing":
            return InvalidRequest("{where}: {seen!r} is no whole number.", remedy=_BACK, **given)
        case "missing":
            return InvalidRequest("{where}: nothing is given.", remedy=_BACK, **given)
        case _:
            return InvalidRequest("{where}: this cannot be read.", remedy=_BACK, **given)
