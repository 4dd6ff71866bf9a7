"""qianxun (千寻): ask your own documents; get answers whose citations are checked."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from qianxun.client import Client
    from qianxun.extracting import extract
    from qianxun.extraction import Extraction
    from qianxun.filters import And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range
    from qianxun.ingestion import AddReport, TextItem
    from qianxun.knowledge_base import KnowledgeBase, open
    from qianxun.records import AcceptedPair, Answer, AnswerOptions, Asker, Citation, Document, Passage, SearchResult
    from qianxun.retrieval.filter_language import parse_filter
    from qianxun.retrieval.follow_up import Turn
    from qianxun.settings import Settings, load_settings

# Public name → the module that holds it, imported at first use so that `import qianxun` costs nothing.
_HOME = {
    "AcceptedPair": "qianxun.records",
    "AddReport": "qianxun.ingestion",
    "And": "qianxun.filters",
    "Answer": "qianxun.records",
    "AnswerOptions": "qianxun.records",
    "AnyLabel": "qianxun.filters",
    "Asker": "qianxun.records",
    "Citation": "qianxun.records",
    "Client": "qianxun.client",
    "Contains": "qianxun.filters",
    "Document": "qianxun.records",
    "Equals": "qianxun.filters",
    "Extraction": "qianxun.extraction",
    "Filter": "qianxun.filters",
    "KnowledgeBase": "qianxun.knowledge_base",
    "Not": "qianxun.filters",
    "Or": "qianxun.filters",
    "Passage": "qianxun.records",
    "Prefix": "qianxun.filters",
    "Range": "qianxun.filters",
    "SearchResult": "qianxun.records",
    "Settings": "qianxun.settings",
    "TextItem": "qianxun.ingestion",
    "Turn": "qianxun.retrieval.follow_up",
    "extract": "qianxun.extracting",
    "load_settings": "qianxun.settings",
    "open": "qianxun.knowledge_base",
    "parse_filter": "qianxun.retrieval.filter_language",
}
__all__ = [
    "AcceptedPair",
    "AddReport",
    "And",
    "Answer",
    "AnswerOptions",
    "AnyLabel",
    "Asker",
    "Citation",
    "Client",
    "Contains",
    "Document",
    "Equals",
    "Extraction",
    "Filter",
    "KnowledgeBase",
    "Not",
    "Or",
    "Passage",
    "Prefix",
    "Range",
    "SearchResult",
    "Settings",
    "TextItem",
    "Turn",
    "__version__",
    "extract",
    "load_settings",
    "open",
    "parse_filter",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'qianxun' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)
