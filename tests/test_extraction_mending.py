"""What models do to JSON is undone where that needs no guess; and a long text is cut and put together again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import BadModelReply
from qianxun.extraction.mending import fitted, value_in
from qianxun.extraction.schema import loosened, parts, wanted
from qianxun.extraction.windows import completed, merged, windows
from qianxun.models.structured import misfits_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aé张，：“”{}[],:\\\"' \n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab张：,", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    assert value_in(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.dictionaries(st.text("ab张：,", min_size=1, max_size=3), VALUES, min_size=1, max_size=3))
def test_words_around_json_go(value: dict[str, Any]) -> None:
    said = json.dumps(value, ensure_ascii=False, indent=1)
    for reply in (f"好的，结果如下：\n{said}\n以上。", f"<think>{{1}} [2]</think>\n{said}", f"```json\n{said}\n```"):
        assert value_in(reply) == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"a": [1, 2,], "b": {"c": 1,},}', {"a": [1, 2], "b": {"c": 1}}),
        ('｛"a"：1，"b"：“”｝'.replace("“”", '"，：,}"'), {"a": 1, "b": "，：,}"}),
        ("{'a': 1}", None),
        ('{"a": None, "b": True, "c": "None,}"}', {"a": None, "b": True, "c": "None,}"}),
        ('{"a": {"b": 1}, "c": [1, 2', None),
        ('说明：{"a": {"b": 1}, "c": "没完', None),
        ('{"a": NaN}', None),
        ('Set {x | x > 1} gives {"a": 1}', {"a": 1}),
        ('[1] says {"a": [1, 2, 3]}', {"a": [1, 2, 3]}),
        ("", None),
        ("无法回答。", None),
        ("[" * 100_000, None),
    ],
)
def test_slips_of_form_are_undone_and_nothing_is_guessed(reply: str, value: Any) -> None:
    if value is None:
        with pytest.raises(BadModelReply):
            value_in(reply)
    else:
        assert value_in(reply) == value


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "n": {"type": "number"},
        "i": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "s": {"type": "string"},
        "either": {"type": ["string", "number"]},
        "list": {"type": "array", "items": {"$ref": "#/$defs/one"}},
    },
    "required": ["s"],
    "additionalProperties": False,
    "$defs": {"one": {"type": "object", "properties": {"price": {"type": "number"}, "name": {"type": "string"}}}},
}


def test_data_is_brought_into_the_form_of_the_schema() -> None:
    said = {
        "n": "1,200.50", "i": "－３", "s": "5", "either": "7", "list": [{"price": "１２", "name": None}], "more": 1,
    }  # fmt: skip
    assert fitted(said, SCHEMA) == {"n": 1200.5, "i": -3, "s": "5", "either": "7", "list": [{"price": 12}]}
    assert said["n"] == "1,200.50", "what was given stays as it is"


@pytest.mark.parametrize(
    "said", [{"s": "a", "n": "about 5"}, {"s": "a", "n": "1,5"}, {"s": 5}, {"n": 1}, [], "x", None]
)
def test_what_does_not_fit_otherwise_stays_misfit(said: Any) -> None:
    assert misfits_of(fitted(said, SCHEMA), SCHEMA)


def test_a_schema_is_loosened_for_a_part_of_a_document() -> None:
    loose = loosened(wanted(SCHEMA).schema)
    for said in ({}, {"s": None}, {"list": [{}]}, {"n": 1, "s": "a"}):
        assert misfits_of(said, loose) == []
    for said in ({"n": "x"}, {"other": 1}, {"list": [{"price": "x"}]}):
        assert misfits_of(said, loose)
    named = {"type": "object", "properties": {"required": {"type": "string"}, "not": {"enum": [{"required": 1}]}}}
    assert misfits_of({"required": 1}, loosened(named))
    assert misfits_of({"required": "a", "not": {"required": 1}}, loosened(named)) == []


def test_windows_are_put_together() -> None:
    said = [
        {"name": "made up", "party": {"city": ""}, "tags": ["甲", "乙"]},
        {"name": "张伟", "party": {"city": "台北"}, "tags": ["乙", "丙", "甲"]},
        {"name": "李娜", "party": {"city": "上海", "zip": 1}, "tags": []},
    ]
    found = merged(said, lambda path, value: value in ("张伟", "李娜"))
    assert found == {"name": "张伟", "party": {"city": "台北", "zip": 1}, "tags": ["甲", "乙", "丙"]}
    schema = {
        "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "array"}, "c": {"type": "string"}},
        "required": ["c", "b", "a"],
    }
    assert completed({}, parts([schema], schema), schema) == {"a": None, "b": []}


@given(st.lists(st.text("字a。. \n", max_size=30), max_size=12).map("\n\n".join), st.integers(4, 40))
def test_windows_hold_every_character_once(text: str, room: int) -> None:
    found = windows(text, room, len)
    assert all(len(window) <= room for window in found)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert len(found) == 1 or len(text) > room
