"""What a model wrote is JSON that fits the schema, or a typed error that says why not."""

from typing import Any

import pytest

from qianxun.errors import BadModelReply, InputError
from qianxun.models.structured import checked_json, json_in, parse_json, schema_in_words, with_schema
from qianxun.protocols import Message

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "答案": {"type": "string", "minLength": 1},
        "days": {"type": "integer", "minimum": 0},
        "sources": {"type": "array", "items": {"$ref": "#/$defs/source"}},
    },
    "required": ["答案"],
    "additionalProperties": False,
    "$defs": {"source": {"enum": ["手冊", "wiki"]}},
}


@pytest.mark.parametrize(
    "text",
    [
        '{"答案": "五天（５天）", "days": 5, "sources": ["手冊", "wiki"]}',
        '\n  {"答案": "five days", "days": 5.0}\n',
        '```json\n{"答案": "５天", "days": 5}\n```',
        '```\n{"答案": "```"}\n```\n',
    ],
)
def test_json_that_fits_is_read(text: str) -> None:
    found: Any = parse_json(text, SCHEMA)
    assert found["答案"] in ("五天（５天）", "five days", "５天", "```")
    assert found.get("days", 5) == 5
    assert checked_json(text, SCHEMA) == json_in(text)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "is not JSON: Expecting value"),
        ("答案是五天。", "is not JSON: Expecting value"),
        ('{"答案": "五天"', "is not JSON: Expecting"),
        ('{"答案": "五天"} 以上。', "is not JSON: Extra data"),
        ('{"days": NaN, "答案": "x"}', "is not JSON: NaN is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"days": 5}', r"does not fit the JSON schema: \$: '答案' is a required property"),
        ('{"答案": ""}', r"does not fit the JSON schema: \$.*答案.*: '' should be non-empty"),
        ('{"答案": "五", "days": -1}', r"\$\.days: -1 is less than the minimum of 0"),
        ('{"答案": "五", "days": "5"}', r"\$\.days: '5' is not of type 'integer'"),
        ('{"答案": "五", "sources": ["wiki", "書"]}', r"\$\.sources\[1\]: '書' is not one of"),
        ('{"答案": "五", "more": 1}', r"\$: Additional properties are not allowed"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(BadModelReply, match=reason):
        parse_json(text, SCHEMA)


def test_a_long_misfit_is_told_short() -> None:
    with pytest.raises(BadModelReply) as caught:
        parse_json('{"答案": ' + str([1] * 5000) + "}", SCHEMA)
    assert len(str(caught.value)) < 500


def test_an_answer_cut_off_is_called_so() -> None:
    with pytest.raises(BadModelReply, match=r"cut off by its length limit .* Set generator\.max_tokens higher"):
        checked_json('{"答案": "五天', SCHEMA, complete=False)
    assert checked_json('{"答案": "五天"}', SCHEMA, complete=False) == '{"答案": "五天"}'


@pytest.mark.parametrize(
    "schema",
    [{"type": "text"}, {"$ref": "#/$defs/nowhere"}, {"$ref": "http://127.0.0.1:9/schema.json"}, {"minimum": "1"}],
)
def test_a_wrong_schema_is_the_callers_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="The JSON schema cannot be used"):
        parse_json("1", schema)


def test_a_schema_may_name_its_draft() -> None:
    draft_4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    assert parse_json("2", draft_4) == 2
    with pytest.raises(BadModelReply):
        parse_json("1", draft_4)
    with pytest.raises(InputError):  # a boolean there is of draft 4 only
        parse_json("2", {"minimum": 1, "exclusiveMinimum": True})


def test_no_demand_is_a_schema_too() -> None:
    assert parse_json("[1, null]", {}) == [1, None]


def test_the_schema_stands_at_the_end_of_the_last_message() -> None:
    messages = [Message("system", "你是助手。"), Message("user", "年假有几天？")]
    asked = with_schema(messages, SCHEMA)
    assert asked[0] == messages[0]
    assert asked[1] == Message("user", "年假有几天？\n\n" + schema_in_words(SCHEMA))
    assert "答案" in asked[1].content
    assert with_schema([], SCHEMA) == []
