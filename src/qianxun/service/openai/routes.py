"""All routes of OpenAI's clients. Each names its whole path: it is what metrics and the audit are told."""

from fastapi import APIRouter

from qianxun.service.openai import chat, completions, embeddings, models, responses

router = APIRouter()
for room in (models, chat, completions, embeddings, responses):
    router.include_router(room.router)
