"""A text too long for the model's context, cut into windows at its paragraphs; what they say, put together.

Of each field the first value that the document bears counts, else the first; lists are joined, what is repeated in
them once.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from qianxun.documents.sentences import sentences
from qianxun.extraction.schema import Key, Node, below, names_in_order, parts
from qianxun.models.structured import misfits_of
from qianxun.text import fold

# Whether the document bears a value at this place.
Borne: TypeAlias = Callable[[tuple[Key, ...], Any], bool]


def windows(text: str, room: int, count: Callable[[str], int]) -> list[str]:
    """The text in as few runs of paragraphs as have at most `room` tokens each; the text itself if it fits.

    `room` must be positive. A paragraph that is too long is cut at a line, then at a sentence, then anywhere.
    """
    if count(text) <= room:
        return [text]
    found: list[str] = []
    held, n_held = "", 0
    for piece in _pieces(text, room, count):
        n_tokens = count(piece)
        if held and n_held + n_tokens > room:
            found.append(held)
            held, n_held = "", 0
        held, n_held = held + piece, n_held + n_tokens
    if held.strip():
        found.append(held)
    return found


def _pieces(text: str, room: int, count: Callable[[str], int]) -> Iterator[str]:
    for paragraph in _kept(text.split("\n\n"), "\n\n"):
        if count(paragraph) <= room:
            yield paragraph
            continue
        for line in _kept(paragraph.split("\n"), "\n"):
            if count(line) <= room:
                yield line
                continue
            starts = [start for start, _ in sentences(line)]
            for start, end in zip([0, *starts[1:]], [*starts[1:], len(line)], strict=True):
                yield from _halves(line[start:end], room, count)


def _kept(pieces: Sequence[str], mark: str) -> Iterator[str]:
    for place, piece in enumerate(pieces):
        yield piece + mark if place + 1 < len(pieces) else piece


def _halves(text: str, room: int, count: Callable[[str], int]) -> Iterator[str]:
    if count(text) <= room or len(text) < 2:
        yield text
        return
    yield from _halves(text[: len(text) // 2], room, count)
    yield from _halves(text[len(text) // 2 :], room, count)


def merged(found: Sequence[Any], borne: Borne, path: tuple[Key, ...] = ()) -> Any:
    """What windows say of one place, as one value; None where none says anything."""
    said = [value for value in found if value is not None and value != "" and value != {} and value != []]
    if not said:
        return next((value for value in found if value is not None), None)
    same = [value for value in said if isinstance(value, type(said[0]))]
    if isinstance(said[0], dict):
        names = dict.fromkeys(name for value in same for name in value)
        joined = {
            name: merged([value[name] for value in same if name in value], borne, (*path, name)) for name in names
        }
        return {name: value for name, value in joined.items() if value is not None}
    if isinstance(said[0], list):
        first: dict[str, Any] = {}
        for item in (item for value in same for item in value):
            first.setdefault(_folded(item), item)
        return list(first.values())
    return next((value for value in said if borne(path, value)), said[0])


def _folded(item: Any) -> str:
    return fold("".join(json.dumps(item, sort_keys=True, ensure_ascii=False).split()))


def completed(data: Any, nodes: Sequence[Node], root: Node) -> Any:
    """Data with null or [] for required fields of which no window says anything, where the schema takes that.

    `nodes` are what the schema says of it, as `parts` gives them.
    """
    if isinstance(data, list):
        return [completed(item, below(nodes, place, root), root) for place, item in enumerate(data)]
    if not isinstance(data, dict):
        return data
    found = {name: completed(value, below(nodes, name, root), root) for name, value in data.items()}
    for name in {name for node in nodes for name in node.get("required", ())} - set(found):
        said = below(nodes, name, root)
        empties: tuple[Any, ...] = (None, [])
        for empty in empties:
            if said and not misfits_of({name: empty}, {**_shared(root), "properties": {name: {"allOf": said}}}):
                found[name] = empty
                break
    order = {name: place for place, name in enumerate(names_in_order(nodes))}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


def _shared(root: Node) -> Node:
    """What a part of a schema may refer to."""
    return {word: root[word] for word in ("$schema", "$defs", "definitions") if word in root}


def whole(data: Any, root: Node) -> Any:
    """What is put together of windows, as a value of the whole schema."""
    return completed(data, parts([root], root), root)
