"""What is wanted of a document: a JSON Schema, from a file, a mapping or a pydantic model.

Looks into a schema where extraction must: what is said of a field, in which order fields stand, what a part of a
document may leave out. Whether a value fits is asked of jsonschema, and of the model where there is one. pydantic is
never imported: who hands over a class of it has it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from qianxun.errors import InputError
from qianxun.models.structured import misfit_in_words, misfits_of

Node: TypeAlias = dict[str, Any]
Key: TypeAlias = str | int

# More are not told: the first few name what is wrong.
_MAX_PROBLEMS: Final = 8
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONS: Final = ("if", "then", "else")
# Names in these are names of fields or parts, not words of JSON Schema.
_NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
_ONLY_WHOLE: Final = frozenset(
    {"required", "minItems", "minProperties", "dependentRequired", "dependencies", "minContains", "contains", "not"}
) | frozenset(_CONDITIONS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schema that can be used. `fingerprint` changes when it does; `maker` turns data into an instance of a model."""

    schema: Node
    fingerprint: str
    maker: Any = None

    def problems(self, data: Any) -> tuple[str, ...]:
        """Why data does not fit, a line each; () if it does."""
        found = [misfit_in_words(misfit) for misfit in misfits_of(data, self.schema)]
        return tuple(found[:_MAX_PROBLEMS]) or self._refused(data)[1]

    def made(self, data: Any) -> Any:
        """Data that fits as it is given back: an instance of the model if there is one."""
        return self._refused(data)[0]

    def _refused(self, data: Any) -> tuple[Any, tuple[str, ...]]:
        """The model's instance, and why it refuses the data: its validators may ask more than its schema."""
        if self.maker is None:
            return data, ()
        make = getattr(self.maker, "model_validate", None) or self.maker.validate_python
        try:
            return make(data), ()
        except ValueError as error:
            return None, tuple(_words_of(error))[:_MAX_PROBLEMS]


def wanted(given: Any) -> Wanted:
    """What is wanted: a mapping, the path of a file of JSON, a pydantic class, an instance of one, or a TypeAdapter.

    Raises InputError for what is no usable JSON Schema. A schema may refer to its own parts only: nothing is fetched.
    """
    maker = None
    if isinstance(given, str | Path):
        schema = schema_of_file(Path(given).expanduser())
    elif isinstance(given, Mapping):
        schema = dict(given)
    else:
        maker = given if isinstance(given, type) or not hasattr(given, "model_json_schema") else type(given)
        described = getattr(maker, "model_json_schema", None) or getattr(maker, "json_schema", None)
        if described is None:
            raise InputError(
                "{kind} is no schema.",
                remedy="Give a mapping, the path of a JSON Schema, or a pydantic model class.",
                kind=getattr(given, "__name__", type(given).__name__),
            )
        schema = described()
    misfits_of(None, schema)
    for reference in _references(schema):
        if _referred(reference, schema) is None:
            raise InputError(
                "The JSON schema cannot be used: {reason}.",
                remedy="Correct it; it may refer to its own parts only.",
                reason=f"$ref {reference[:100]}",
            )
    stated = json.dumps(schema, sort_keys=True, ensure_ascii=False)
    return Wanted(schema, hashlib.sha256(stated.encode("utf-8", "surrogatepass")).hexdigest()[:16], maker)


def schema_of_file(path: Path) -> dict[str, Any]:
    """The JSON schema in a file. Raises InputError for what is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(
            "{path} is no JSON schema: {reason}.", remedy="Name a file with one.", path=path, reason=str(error)
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            "{path} is no JSON schema: {reason}.", remedy="Name a file with one.", path=path, reason="no object"
        )
    return found


def _words_of(error: ValueError) -> Iterator[str]:
    """A pydantic error by place; any other in its words."""
    listed = getattr(error, "errors", None)
    for one in listed() if callable(listed) else ():
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in one.get("loc", ()))
        yield f"${place}: {' '.join(str(one.get('msg', '')).split())}"
    if not callable(listed):
        yield f"$: {' '.join(str(error).split())}"


# -- looking into a schema -------------------------------------------------------------------------------------------


def parts(nodes: Sequence[Any], root: Node) -> list[Node]:
    """Schemas with those that they refer to and are put together of, each once."""
    found: list[Node] = []
    waiting = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, dict) or any(node is known for known in found):
            continue
        found.append(node)
        if isinstance(node.get("$ref"), str):
            waiting.append(_referred(node["$ref"], root))
        for word in _BRANCHES:
            waiting += node.get(word, ())
        waiting += [node[word] for word in _CONDITIONS if word in node]
    return found


def below(nodes: Sequence[Node], key: Key, root: Node) -> list[Node]:
    """What schemas say of a field (its name) or an item (its number) of their value."""
    found: list[Any] = []
    for node in nodes:
        if isinstance(key, str):
            own = node.get("properties", {}).get(key, node.get("additionalProperties"))
        else:
            items = node.get("items")
            first = node.get("prefixItems") or (items if isinstance(items, list) else [])
            own = (
                first[key] if key < len(first) else (items if isinstance(items, dict) else node.get("additionalItems"))
            )
        found.append(own)
    return parts(found, root)


def names_in_order(nodes: Sequence[Node]) -> list[str]:
    """The fields that schemas name, in their order."""
    return list(dict.fromkeys(name for node in nodes for name in node.get("properties", {})))


def loosened(node: Any) -> Any:
    """The schema of what a part of the document may say: nothing is required, and each field may be null."""
    if isinstance(node, list):
        return [loosened(one) for one in node]
    if not isinstance(node, dict):
        return node
    found: Node = {}
    for word, value in node.items():
        if word in _ONLY_WHOLE:
            continue
        if word in _NAMED and isinstance(value, dict):
            inner = {name: loosened(one) for name, one in value.items()}
            found[word] = {name: _or_null(one) for name, one in inner.items()} if word == "properties" else inner
        else:
            # Without what it requires, more than one may fit.
            found["anyOf" if word == "oneOf" else word] = value if word in _VALUES else loosened(value)
    return found


def _or_null(node: Any) -> Any:
    return {"anyOf": [node, {"type": "null"}]} if isinstance(node, dict) else node


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        for word, value in node.items():
            if word == "$ref" and isinstance(value, str):
                yield value
            elif word not in _VALUES:
                yield from _references(value)


def _referred(reference: str, root: Node) -> Node | None:
    """The part of the schema that is referred to; None if there is none."""
    if not reference.startswith("#"):
        return None
    node: Any = root
    pointer = unquote(reference[1:])
    if pointer and not pointer.startswith("/"):
        return _anchored(root, pointer)
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return None
    return node if isinstance(node, dict) else {}


def _anchored(node: Any, name: str) -> Node | None:
    if isinstance(node, dict):
        if node.get("$anchor") == name:
            return node
        node = list(node.values())
    for one in node if isinstance(node, list) else ():
        found = _anchored(one, name)
        if found is not None:
            return found
    return None
