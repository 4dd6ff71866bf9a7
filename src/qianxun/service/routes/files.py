"""Files as replies: always to be saved, never to be shown by a browser as a page of this service."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from qianxun.ingestion.originals import Original
from qianxun.service.routes.events import Streamed

_PIECE_BYTES: Final = 1 << 18


def file_response(original: Original) -> StreamingResponse:
    """A file from its beginning, with its name; its stream is closed with the reply."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in original.name)
    headers = {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(original.name, safe='')}",
        "Content-Length": str(original.size),
        "ETag": f'"{original.digest}"',
    }
    return Streamed(_pieces(original), media_type="application/octet-stream", headers=headers)


async def _pieces(original: Original) -> AsyncGenerator[bytes, None]:
    left = original.size
    try:
        while left > 0:
            piece = await asyncio.to_thread(original.stream.read, min(_PIECE_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            yield piece
    finally:
        original.stream.close()
