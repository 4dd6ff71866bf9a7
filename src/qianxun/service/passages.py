"""One passage and what stands around it, as a caller may read it: with their rights, and as word lists let it be shown.

Knows neither HTTP nor the Model Context Protocol.
"""

from qianxun.errors import NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Document, Passage, document_of
from qianxun.service.visit import Visit, no_chunk


def passage_of(visit: Visit, kb: KnowledgeBase, chunk: int, around: int) -> tuple[Document, Passage, list[Passage]]:
    """Its document, the passage, and at most so many on each side of it, in reading order.

    Raises NotFound, the same whether there is none, it is not for the caller, or it holds a blocked word.
    """
    try:
        document = visit.may_see(kb.document(document_of(chunk), asker=visit.asker))
    except NotFound:
        raise no_chunk(chunk) from None
    found = kb.shown(kb.chunks(chunk, asker=visit.asker))
    if not found:
        raise no_chunk(chunk)
    beside = kb.neighbours(chunk, before=around, after=around, asker=visit.asker) if around else []
    return document, found[0], beside
