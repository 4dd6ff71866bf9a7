"""The own API, under /api/v1: one module for each thing that is spoken of."""

from fastapi import APIRouter

from qianxun.service.routes import (
    asking,
    bases,
    conversations,
    documents,
    evaluations,
    extraction,
    feedback,
    health,
    jobs,
    metrics,
    schedules,
    searching,
    uploads,
)

API = "/api/v1"


def routers() -> list[APIRouter]:
    """Every router of the application."""
    own = [searching, asking, documents, conversations, feedback, bases]
    own += [uploads, jobs, schedules, evaluations, extraction]
    gathered = APIRouter(prefix=API)
    for room in own:
        gathered.include_router(room.router)
    return [health.router, metrics.router, gathered]
