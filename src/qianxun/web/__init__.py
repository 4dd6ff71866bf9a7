"""The pages: search, library, viewer, quality, signing in. HTML made here, on the service's own objects.

Every page works without scripts; `static/qianxun.js` makes it quicker. Nothing is loaded from another host. A page
shows what the caller of its request may see and no more: it goes through `Visit`, as the API does.
"""

from fastapi import APIRouter

from qianxun.web import (
    answering,
    assets,
    library,
    library_documents,
    library_jobs,
    library_splitting,
    quality,
    searching,
    signing,
    signing_oidc,
    viewing,
)
from qianxun.web.forms import refused
from qianxun.web.site import error_page

__all__ = ["error_page", "refused", "router"]


def router() -> APIRouter:
    """Every page."""
    found = APIRouter(include_in_schema=False)
    for room in (assets, signing, signing_oidc, searching, answering, viewing, quality):
        found.include_router(room.router)
    # Single documents last: whatever stands where their ids do would be taken for one.
    for room in (library, library_jobs, library_splitting, library_documents):
        found.include_router(room.router)
    return found
