"""Scripts, styles and pictures of the pages: files of the package, the same for everybody."""

from importlib import resources
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from qianxun.errors import NotFound

router = APIRouter()

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {
    one.name: one.read_bytes() for one in (resources.files("qianxun.web") / "static").iterdir() if one.is_file()
}


@router.get("/static/{name}")
async def asset(name: str) -> Response:
    """A file of `static/`."""
    data = _FILES.get(name)
    if data is None:
        raise NotFound("There is no such path.")
    kind = _KINDS[name[name.rindex(".") :]]
    # The address changes with the file.
    return Response(data, media_type=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})
