"""The table of layers: who may import whom. A door knows no engine; an engine knows no door."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "qianxun"

# Each module's layer, by the longest prefix that fits. A module imports from its own layer or lower ones.
LAYERS = {
    1: (
        "__init__",
        "files",
        "records",
        "filters",
        "protocols",
        "errors",
        "settings",
        "hosts",
        "text",
        "marking",
        "messages",
        "tally",
        "parts",
        "prompting",
        "reasons",
        "stages",
        "languages",
        "samples",
    ),
    2: ("documents", "retrieval", "answering", "guarding"),
    3: ("storage",),
    4: (
        "documents.formats",
        "documents.pictures",
        "documents.reading",
        "documents.registry",
        "documents.worker",
        "indexes",
        "models",
        "caches",
        "sources",
    ),
    5: (
        "ingestion",
        "enrichment",
        "retrieval.search",
        "retrieval.around",
        "retrieval.gather",
        "retrieval.legs",
        "retrieval.rewrite",
        "retrieval.trace",
        "retrieval.widen",
        "answering.answer",
        "answering.deep.flow",
        "answering.deep.planning",
        "answering.keeping",
        "answering.remembered",
        "answering.whole.documents",
        "answering.whole.flow",
        "answering.telling",
        "evaluation",
        "training",
        "extraction",
    ),
    6: ("assemble",),
    7: (
        "__main__",
        "knowledge_base",
        "extracting",
        "asking",
        "conversations",
        "transcripts",
        "opinions",
        "facts",
        "shapes",
        "service",
        "web",
        "chat",
        "cli",
        "client",
        "testing",
    ),
}
# Imports that go up on purpose, with the reason.
ALLOWED = {
    ("__init__", "knowledge_base"),  # public names, imported at first use
    ("__init__", "ingestion"),
    ("__init__", "client"),
    ("__init__", "extracting"),
    ("__init__", "extraction"),
    ("__init__", "retrieval.filter_language"),
    ("__init__", "retrieval.follow_up"),
    ("documents", "documents.reading"),  # the room's door names what others may use
    ("evaluation.retrieval", "knowledge_base"),  # it measures the product through its door
}
# The only places where an engine may be imported.
ENGINES = {
    "faiss": "indexes",
    "onnxruntime": "models documents.formats",
    "tantivy": "indexes",
    "pypdfium2": "documents.formats",
    "PIL": "documents.formats",
    "docx": "documents.formats",
    "lxml": "documents.formats",
    "markdown_it": "documents.formats",
    "ir_measures": "evaluation",
    "rich": "cli",
    "uvicorn": "service chat",
    "limits": "service",
    "opentelemetry": "service",
    "httpx": "client models sources chat",
    "chainlit": "chat",
    "httpcore": "sources",
    "protego": "sources",
    "botocore": "sources",
    "redis": "caches",
    "cryptography": "caches storage.sealing",
    "safetensors": "models training",
    "tokenizers": "models documents.splitting",
    "peft": "training",
    "torch": "models training",
    "transformers": "models training",
    "opencc": "text",
    "ahocorasick_rs": "guarding",
    "Stemmer": "text",
    "jwt": "service.tokens",
}
# May be imported at the top of a module; everything else heavy is imported by the function that uses it.
LIGHT = {"filelock"}
# What the service is made of: nothing imports these rooms before it runs.
WEB = {"fastapi", "starlette", "pydantic", "mcp", "prometheus_client", "markupsafe"}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


def layer(name: str) -> int:
    best = max(
        (
            (prefix, number)
            for number, prefixes in LAYERS.items()
            for prefix in prefixes
            if name == prefix or name.startswith(prefix + ".")
        ),
        key=lambda found: len(found[0]),
        default=None,
    )
    assert best is not None, f"{name} is in no layer: give it one"
    return best[1]


def imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """(module, whether at the top level and at run time)."""
    top: set[int] = set()
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        top |= {id(inner) for inner in ([node] if not isinstance(node, ast.FunctionDef | ast.ClassDef) else [])}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, id(node) in top) for name in names]
    return found


@pytest.mark.parametrize("name", modules())
def test_module_imports_from_its_layer_or_below(name: str) -> None:
    known = modules()
    tree = ast.parse(known[name].read_text(encoding="utf-8"))
    for target, _ in imports(tree):
        if not target.startswith("qianxun."):
            continue
        inner = target.removeprefix("qianxun.")
        while inner not in known and "." in inner:
            inner = inner.rpartition(".")[0]
        if inner not in known or inner == name or (name, inner) in ALLOWED:
            continue
        assert layer(inner) <= layer(name), f"{name} (layer {layer(name)}) imports {inner} (layer {layer(inner)})"


@pytest.mark.parametrize("name", modules())
def test_engine_is_imported_in_its_room_only_and_late(name: str) -> None:
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    for target, at_top in imports(tree):
        root = target.partition(".")[0]
        if root in ENGINES:
            rooms = ENGINES[root].split()
            at_home = any(name == room or name.startswith(room + ".") for room in rooms)
            assert at_home, f"{name} imports {root}, which belongs to {rooms}"
            assert not at_top, f"{name} imports {root} when it is imported itself; import it where it is used"


@pytest.mark.parametrize("name", modules())
def test_the_web_framework_is_imported_by_the_service_only(name: str) -> None:
    if name.partition(".")[0] in ("service", "web", "chat"):
        return
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    for target, at_top in imports(tree):
        assert target.partition(".")[0] not in WEB, f"{name} imports {target}"
        assert not (at_top and target.startswith("qianxun.service")), f"{name} imports {target} before it is used"


def test_every_layer_entry_names_something_that_exists() -> None:
    known = modules()
    for prefixes in LAYERS.values():
        for prefix in prefixes:
            assert any(name == prefix or name.startswith(prefix + ".") for name in known), prefix


# The chat speaks HTTP to the service: it could as well run on another machine.
CHAT_MAY_IMPORT = (
    "__init__",
    "answering.events",
    "chat",
    "client",
    "errors",
    "files",
    "guarding",
    "hosts",
    "marking",
    "messages",
    "parts",
    "reasons",
    "records",
    "settings",
)


@pytest.mark.parametrize("name", [name for name in modules() if name == "chat" or name.startswith("chat.")])
def test_the_chat_knows_the_service_by_its_client_only(name: str) -> None:
    known = modules()
    for target, _ in imports(ast.parse(known[name].read_text(encoding="utf-8"))):
        inner = target.removeprefix("qianxun.") if target.startswith("qianxun.") else ""
        while inner and inner not in known and "." in inner:
            inner = inner.rpartition(".")[0]
        if inner in known:
            assert any(inner == may or inner.startswith(f"{may}.") for may in CHAT_MAY_IMPORT), (
                f"{name} imports {inner}"
            )
