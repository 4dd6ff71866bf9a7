"""Scripts, styles and pictures of the pages: files of the package, the same for everybody."""

from importlib import resources
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from qianxun.errors import NotFound
from qianxun.web.site import static_address

router = APIRouter()

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {
    one.name: one.read_bytes() for one in (resources.files("qianxun.web") / "static").iterdir() if one.is_file()
}


@router.get("/static/{name}")
async def asset(request: Request, name: str) -> Response:
    """A file of `static/`. Its address changes with it: by this one it is kept for good, by any other not."""
    data = _FILES.get(name)
    if data is None:
        raise NotFound("There is no such path.")
    kind = _KINDS[name[name.rindex(".") :]]
    is_its_own = static_address(name) == f"{request.url.path}?{request.url.query}"
    cache = "public, max-age=31536000, immutable" if is_its_own else "no-cache"
    return Response(data, media_type=kind, headers={"Cache-Control": cache})
