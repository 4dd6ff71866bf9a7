"""What clients made for OpenAI speak: models, chat, completions, embeddings, responses. (`service.reranking`: rerank.)

A knowledge base is a model here, and so is it with each of its personas; its encoder, reranker and generator are models
of their own. Fields that a client sends and this does not know are let be; what would change the meaning of a reply if
it were let be is refused. `router` has all routes; `error_of` says an error as these clients read it.
"""

from qianxun.service.openai.errors import error_of, speaks
from qianxun.service.openai.routes import router

__all__ = ["error_of", "router", "speaks"]
