"""What models do to JSON, undone without asking again: words around it, commas too many, 1,200 in quotation marks.

Only what can be undone without a guess. JSON that was cut off is not completed: what is missing is not known.
"""

import copy
import itertools
import json
import re
from typing import Any, Final

from qianxun.errors import BadModelReply
from qianxun.extraction.schema import Node
from qianxun.models.structured import json_in, misfits_of

# Places at which JSON may begin that are tried, of those in an answer.
_MAX_STARTS: Final = 40
_THOUGHTS: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
# Outside of strings: signs of another width, and names of Python.
_SIGNS: Final = str.maketrans({"：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]"})
_NAMES: Final = {"None": "null", "True": "true", "False": "false"}
# An object or a list, and no brackets of a text.
_START: Final = re.compile(r'\{(?=\s*["}])|\[(?=\s*[\[{"\]\d])')
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^"]+|"', re.DOTALL)
_NAME: Final = re.compile(r"\b(?:None|True|False)\b")
_COMMA: Final = re.compile(r",(\s*[}\]])")
_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_WIDE: Final = str.maketrans("０１２３４５６７８９．，－＋", "0123456789.,-+")
_ROUNDS: Final = 3


def value_in(reply: str) -> Any:
    """The JSON value in an answer, whatever stands around it. Raises BadModelReply if there is none.

    Of several the longest counts. NaN and Infinity are no JSON.
    """
    said = json_in(_THOUGHTS.sub("", reply))
    problem = ""
    for text in (said, _respelt(said)):
        try:
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            problem = problem or " ".join(str(error).split())
        found = _longest_in(text)
        if found is not None:
            return found
    raise BadModelReply("The model's answer is not JSON: {reason}.", remedy="Ask again.", reason=problem)


def _longest_in(text: str) -> Any:
    """The longest object or list that stands in a text; None if none does."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    best: Any = None
    best_chars, after = 0, 0
    for start in (one.start() for one in itertools.islice(_START.finditer(text), _MAX_STARTS)):
        if start < after:
            continue
        try:
            value, after = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            # Broken or cut off: what stands in it would be a part of the answer.
            return best
        if after - start > best_chars:
            best, best_chars = value, after - start
    return best


def _respelt(text: str) -> str:
    """Outside of strings: signs in half width, Python's names as JSON's, no comma before an end."""
    spelt = []
    for piece in _PIECE.findall(text.replace("“", '"').replace("”", '"') if '"' not in text else text):
        if not piece.startswith('"'):
            piece = _NAME.sub(lambda name: _NAMES[name[0]], piece.translate(_SIGNS))
        spelt.append(piece)
    joined = "".join(spelt)
    # A string cannot hold a comma and then an end outside of itself: the strings are taken out meanwhile.
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', joined, re.DOTALL)
    bare = _COMMA.sub(r"\1", re.sub(r'"(?:[^"\\]|\\.)*"', "\0", joined, flags=re.DOTALL))
    return re.sub("\0", lambda _: strings.pop(0), bare)


def fitted(data: Any, schema: Node) -> Any:
    """Data in the form that the schema wants, where that is only a matter of form; what does not fit otherwise stays.

    A number in quotation marks is the number, if no text is wanted there. A field that may be left out and is null
    where it may not be is left out. Fields that the schema does not have go.
    """
    fixed = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        changed = False
        for misfit in misfits_of(fixed, schema):
            changed |= _fit(fixed, misfit)
        if not changed:
            break
    return fixed


def _fit(data: Any, misfit: Any) -> bool:
    """Mends one misfit in place; returns whether it did."""
    path, value, schema = list(misfit.absolute_path), misfit.instance, misfit.schema
    if misfit.validator == "additionalProperties" and schema["additionalProperties"] is False:
        patterns = schema.get("patternProperties", {})
        known = schema.get("properties", {})
        strange = [name for name in value if name not in known and not any(re.search(p, name) for p in patterns)]
        for name in strange:
            del value[name]
        return bool(strange)
    if misfit.validator not in ("type", "anyOf", "enum", "format") or not path:
        return False
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    if value is None and isinstance(holder, dict) and path[-1] in holder:
        del holder[path[-1]]
        return True
    types = {kind for node in (schema, *schema.get("anyOf", ())) for kind in _types_of(node)}
    if not isinstance(value, str) or "string" in types or not types & {"number", "integer"}:
        return False
    found = _NUMBER.fullmatch(value.translate(_WIDE).strip())
    if found is None:
        return False
    number = found[0].replace(",", "").lstrip("+")
    holder[path[-1]] = float(number) if "." in number else int(number)
    return True


def _types_of(node: Any) -> list[str]:
    kinds = node.get("type", []) if isinstance(node, dict) else []
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
