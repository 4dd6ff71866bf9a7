"""JSON: records, lines, nested objects, places of errors, files larger than memory."""

import contextlib
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from qianxun.documents.formats.json_records import JsonLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

LONG = "澜砚仪器的保修期为十八个月，自验收之日起计算。The warranty starts on acceptance. " * 6


def loaded(data: "bytes | str", name: str = "记录.json", settings: Any = None) -> RawDocument:
    raw = data.encode() if isinstance(data, str) else data
    (document,) = JsonLoader().load(RawFile.of_bytes(name, raw), settings or ReadingSettings())
    assert isinstance(document, RawDocument)
    return document


def shapes(document: RawDocument) -> list[tuple[str, str, str | None]]:
    return [(block.kind, block.text, block.location) for block in document.blocks]


def test_list_of_objects_is_a_block_a_record() -> None:
    records = [
        {"姓名": "林岚", "city": "Lisbon", "備註": "資料庫組"},
        {"姓名": "Ｔｏｍ，欧阳", "地址": {"城市": "杭州", "zip": "310000"}},
    ]
    assert shapes(loaded(json.dumps(records, ensure_ascii=False, indent=2))) == [
        ("list", "姓名: 林岚\ncity: Lisbon\n備註: 資料庫組", "record 1"),
        ("list", "姓名: Ｔｏｍ，欧阳\n地址.城市: 杭州\n地址.zip: 310000", "record 2"),
    ]


@pytest.mark.parametrize("name", ["日志.jsonl", "日志.ndjson", "日志.json"])
def test_value_a_line_is_located_by_its_line(name: str) -> None:
    text = '{"级别": "错误", "n": 1}\n\n{"级别": "warn", "n": 2}\n["甲", "乙"]\n'
    assert shapes(loaded(text, name)) == [
        ("list", "级别: 错误\nn: 1", "line 1"),
        ("list", "级别: warn\nn: 2", "line 3"),
        ("list", "甲, 乙", "line 4"),
    ]
    assert loaded(text, name).title == "日志"


def test_numbers_keep_their_written_form() -> None:
    text = '[{"a": 1.50, "b": 1e-7, "c": 12345678901234567890123, "d": -0.0, "e": true, "f": null, "g": [1.0, 2]}]'
    assert shapes(loaded(text)) == [
        ("list", "a: 1.50\nb: 1e-7\nc: 12345678901234567890123\nd: -0.0\ne: true\ng: 1.0, 2", "record 1")
    ]


def test_long_text_is_a_paragraph_of_its_own_under_the_records_title() -> None:
    record = {"id": 7, "标题": "保修条款", "正文": f"{LONG}\n\n第二段。", "作者": "王禾"}
    document = loaded(json.dumps([record, {"标题": "短", "n": 1}], ensure_ascii=False))
    assert shapes(document) == [
        ("heading", "保修条款", "record 1"),
        ("list", "id: 7", "record 1"),
        ("paragraph", f"正文: {LONG.strip()}", "record 1"),
        ("paragraph", "第二段。", "record 1"),
        ("list", "作者: 王禾", "record 1"),
        ("list", "标题: 短\nn: 1", "record 2"),
    ]


def test_fields_and_title_can_be_chosen() -> None:
    records = [{"编号": "A-1", "元": {"题": "一号", "x": "no"}, "说明": {"中文": "轴承", "en": "bearing"}, "n": 3}]
    text = json.dumps(records, ensure_ascii=False)
    chosen = ReadingSettings(json_text_fields=("说明.中文", "n"), json_title_field="元.题")
    assert shapes(loaded(text, settings=chosen)) == [
        ("heading", "一号", "record 1"),
        ("list", "说明.中文: 轴承\nn: 3", "record 1"),
    ]
    assert shapes(loaded(text, settings=ReadingSettings(json_text_fields=("说明",)))) == [
        ("list", "说明.中文: 轴承\n说明.en: bearing", "record 1")
    ]
    assert shapes(loaded(text, settings=ReadingSettings(json_text_fields=("不存在",)))) == []


def test_object_is_read_by_its_parts() -> None:
    text = """{
  "name": "澜砚-cli",
  "版本": "1.20",
  "scripts": {"test": "pytest", "构建": "make"},
  "tags": ["检索", "search"],
  "people": [
    {"name": "林嵐", "roles": [{"名": "維護"}, {"名": "測試"}]},
    {"name": "Ann"}
  ],
  "license": "MIT"
}"""
    document = loaded(text, "package.json")
    assert document.title == "澜砚-cli"
    assert shapes(document) == [
        ("list", "name: 澜砚-cli\n版本: 1.20", "line 2"),
        ("list", "scripts.test: pytest\nscripts.构建: make", "line 4"),
        ("list", "tags: 检索, search", "line 5"),
        ("list", "people.name: 林嵐\npeople.roles[0].名: 維護\npeople.roles[1].名: 測試", "people 1"),
        ("list", "people.name: Ann", "people 2"),
        ("list", "license: MIT", "line 10"),
    ]


@pytest.mark.parametrize("text, shown", [('"只有一句。"', "只有一句。"), ("3.10", "3.10"), ('["甲","b"]', None)])
def test_plain_values_are_text(text: str, shown: str | None) -> None:
    expected = [("list", shown, None)] if shown else [("list", "甲", "record 1"), ("list", "b", "record 2")]
    assert shapes(loaded(text)) == expected


def test_encoded_bytes_are_no_words() -> None:
    record = {
        "头像": "data:image/png;base64,iVBORw0KGgo=",
        "签名": "QUJD" * 80,
        "说明": "图",
        "names": "\n".join(f"name{i}" for i in range(40)),
    }
    (words, names) = loaded(json.dumps([record], ensure_ascii=False)).blocks
    assert words.text == "说明: 图"
    assert names.text.startswith("names: name0\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(encoding: str) -> None:
    text = '[{"公司": "澜砚仪器有限公司", "说明": "本合同自签订之日起生效，付款方式为银行转账。"}]'
    (block,) = loaded(text.encode(encoding)).blocks
    assert block.text == "公司: 澜砚仪器有限公司\n说明: 本合同自签订之日起生效，付款方式为银行转账。"
    (block,) = loaded('[{"說明": "本合約自簽訂之日起生效，付款方式為銀行轉帳。"}]'.encode("big5")).blocks
    assert block.text == "說明: 本合約自簽訂之日起生效，付款方式為銀行轉帳。"


@pytest.mark.parametrize(
    "text, name, place",
    [
        ('[{"甲": 1},\n {"乙": 2,}]', "a.json", "line 2, column 10"),
        ('[{"甲": 1}\n {"乙": 2}]', "a.json", "line 2, column 2"),
        ('{"甲": 1,\n\n "b" 2}', "a.json", "line 3, column 6"),
        ('{"甲": tru}', "a.json", "line 1, column 7"),
        ('{"甲": "没有完', "a.json", "line 1, column 7"),
        ("[1, 2", "a.json", "line 1, column 6"),
        ('{"a": 1} x', "a.json", "line 1, column 10"),
        ('{"好": 1}\n{"坏": }\n{"c": 1}', "a.jsonl", "line 2, column 7"),
        ("不是 JSON", "a.json", "line 1, column 1"),
        ("{甲: 1}", "a.json", "line 1, column 2"),
    ],
)
def test_broken_json_is_one_line_with_its_place(text: str, name: str, place: str) -> None:
    with pytest.raises(UnreadableDocument, match=rf"^{name} is not valid JSON at {place} \(") as caught:
        shapes(loaded(text, name))
    assert "\n" not in str(caught.value)


def test_place_of_an_error_far_into_a_large_file() -> None:
    lines = [json.dumps({"n": i, "文": "数据库" * 20}, ensure_ascii=False) for i in range(20_000)]
    for joined, name in ((",\n", "a.json"), ("\n", "a.jsonl")):
        text = joined.join([*lines, '{"n": 1, "文": 乱}', *lines])
        text = f"[{text}]" if name == "a.json" else text
        with pytest.raises(UnreadableDocument, match=r"at line 20001, column 15 \("):
            for _ in loaded(text, name).blocks:
                pass


def test_nesting_without_end_is_refused() -> None:
    for text in ("[" * 200_000, '{"a":' * 200_000, "[" * 5000 + "]" * 5000):
        with pytest.raises(UnreadableDocument, match=r"nested too deeply"):
            shapes(loaded(text))


@pytest.mark.parametrize("name", ["大.json", "大.jsonl", "大.geojson"])
def test_large_file_is_read_a_piece_at_a_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    record = json.dumps({"编号": 1, "说明": "轴承座的润滑周期为三个月。" * 8}, ensure_ascii=False)
    separator = "\n" if name.endswith("l") else ",\n"
    opening, closing = {"大.json": ("[", "]"), "大.jsonl": ("", ""), "大.geojson": ('{"a": "b", "f": [', "]}")}[name]
    n_records = 30_000
    with path.open("w", encoding="utf-8") as stream:
        stream.write(opening)
        stream.write(separator.join([record] * n_records))
        stream.write(closing)
    tracemalloc.start()
    (document,) = JsonLoader().load(RawFile.on_disk(path), ReadingSettings())
    assert isinstance(document, RawDocument)
    blocks = 0
    for block in document.blocks:
        blocks += 1
        last = block
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert blocks == n_records + (1 if name.endswith(".geojson") else 0)
    assert last.location == {"大.json": "record 30000", "大.jsonl": "line 30000", "大.geojson": "f 30000"}[name]
    assert path.stat().st_size > 9_000_000
    assert peak < 6_000_000


def test_value_larger_than_a_piece_is_whole() -> None:
    text = "很长的正文，a long body。" * 60_000
    blocks = list(loaded(json.dumps([{"文": text}, {"n": 12}], ensure_ascii=False)).blocks)
    assert [len(block.text) for block in blocks] == [len(text) + 3, len("n: 12")]


def test_every_cut_of_a_piece_reads_the_same() -> None:
    """A value may end anywhere in what was read so far: the slow way is to have it all at once."""
    from qianxun.documents.formats import json_records

    text = '{"甲": [{"a": 12.5e3}, {"b": "x\\u4e2d\\n"}], "乙": -1, "丙": true, "d": {"e": [1, null]}}'
    whole = shapes(loaded(text))
    for size in range(1, 40):
        values = json_records._Records(RawFile.of_bytes("a.json", text.encode()), ReadingSettings())
        values.values.pieces = iter([text[i : i + size] for i in range(0, len(text), size)])
        values.values.text = ""
        assert [(b.kind, b.text, b.location) for b in values.blocks()] == whole


def test_damaged_files_are_read_or_refused() -> None:
    chance = random.Random(7)
    text = json.dumps([{"编号": i, "标题": "条目", "文": LONG, "x": {"y": [1, {"z": 2.5}]}} for i in range(5)]).encode()
    for _ in range(200):
        data = bytearray(text[: chance.randrange(1, len(text))] if chance.random() < 0.5 else text)
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        name = chance.choice(["a.json", "a.jsonl"])
        with contextlib.suppress(UnreadableDocument):
            for block in loaded(bytes(data), name).blocks:
                assert block.text


def test_other_files_named_json_are_refused() -> None:
    with pytest.raises(UnreadableDocument, match=r"looks like a PDF, but is named \.json"):
        loaded(b"%PDF-1.7 ...")


def test_empty_collections_have_no_text() -> None:
    for text in ("[]", "{}", "[{}, null]", " \n", '{"a": []}'):
        assert shapes(loaded(text)) == []
