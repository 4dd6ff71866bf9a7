"""Source code: blocks by definition, signatures as headings, the source's own lines."""

import random

import pytest

from qianxun.documents.formats.source_code import SourceCodeLoader
from qianxun.documents.split import split
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings, SplittingSettings

PYTHON = '''"""发票：金额与税。"""
import os

RATE = 0.13


# 折扣，按客户等级。
@cached(size=3)
def discount(level: int, *, share: float = 0.1, **rest: str) -> float:
    text = "def fake(): 不是函数"
    return share


class Invoice:
    """一張發票 / an invoice."""

    total = 0

    class Line:
        pass

    async def pay(self, *amounts):
        def inner():
            return 1

        return inner

    # 最后一个
    def void(self): ...

discount(1)
'''

JAVA = """package billing;
import java.util.List;

/** 发票 */
@Entity
public class Invoice extends Base implements Payable {
    private final String sign = "}{ class Fake {";

    // 合計，含税
    @Override
    public Money total(Tax tax) throws BadTax {
        if (tax == null) { return "}"; }
        return null;
    }

    Invoice(int number,
            int year) {
        this.number = number; // } 右括号
    }

    interface Inner {
        void run();
    }
}
"""

GO = """package main

// 发票 Invoice
type Invoice struct {
\tTotal int
}

func (r *Invoice) Pay(amount int) (int, error) {
\ts := `}}{ func Fake() {`
\treturn '{', nil
}

var names = map[string]int{
\t"税": 1,
}
"""

TYPESCRIPT = """import { 税 } from "./tax";

export const add = (a: number, b: number): number => a + b;
export const sub = async (
  a: number,
) => {
  return a.replace(/["'{]/g, "}");
};
export default class 发票<T> implements Payable {
  x = 1;
  constructor(private a: string) {
    super();
  }
  get total(): string { return `${this.x} }`; }
}
if (add(1, 2)) { main(); }
"""

RUST = """use std::fmt;

#[derive(Debug)]
pub struct Line<'a> {
    text: &'a str,
}

impl<'a> Line<'a> {
    /// 合计
    pub fn total(&self) -> i32 {
        let (c, s) = ('{', r#"}"#);
        0
    }
}
"""

CPP = """#include <vector>
#define OPEN {
namespace 帐 {
template <class T>
class A : public B {
 public:
  A(int x) : x_(x) {}
  bool operator==(const A& o) const { return true; }
};
}  // namespace
static struct foo *
make(int a)
{
    return R"(})";
}
int proto(int);
"""

RUBY = """require "税"

module Billing
  # 发票
  class Invoice < Base
    def total(tax)
      if tax
        1
      end
    end
  end
end
"""

SHELL = """#!/bin/sh
set -e

# 部署
deploy() {
  case $1 in
    a) echo "}" ;;
  esac
}

deploy 甲
"""

SQL = """-- 订单
CREATE TABLE 订单 (id int, note text DEFAULT ';');
INSERT INTO 订单 VALUES (1, '甲;乙');
DELETE FROM 订单;
CREATE OR REPLACE FUNCTION total() RETURNS int AS $$
BEGIN
  RETURN 1;
END;
$$ LANGUAGE plpgsql;
CREATE PROCEDURE pay()
BEGIN
  IF x THEN SELECT 1; END IF;
  SELECT CASE WHEN a THEN 1 END;
END;
DROP TABLE 舊;
"""

YAML = """# 配置
version: 1
名称: 千寻
services:
  web:
    image: x
# 卷
volumes:
  - a
last: ２
"""

TOML = """title = "千寻"

[project]
name = "a"

[[tool.檢索]]
k = 1
"""

TEX = r"""\documentclass{ctexart}
\section{引言}
第一段。
\subsection{背景 Background}
細節。
\section{End}
"""

EVERY = {
    "invoice.py": PYTHON,
    "Invoice.java": JAVA,
    "main.go": GO,
    "tax.ts": TYPESCRIPT,
    "line.rs": RUST,
    "a.cpp": CPP,
    "a.rb": RUBY,
    "a.sh": SHELL,
    "a.sql": SQL,
    "a.yaml": YAML,
    "a.toml": TOML,
    "a.tex": TEX,
}


def loaded(name: str, source: "str | bytes") -> RawDocument:
    data = source.encode() if isinstance(source, str) else source
    (document,) = SourceCodeLoader().load(RawFile.of_bytes(name, data), ReadingSettings())
    assert isinstance(document, RawDocument)
    return document


def blocks_of(name: str, source: "str | bytes") -> list[Block]:
    return list(loaded(name, source).blocks)


def outline(name: str, source: str) -> list[tuple[str, str, str | None]]:
    """Of each code block: its headings, its first line, its place."""
    above: list[str] = []
    found = []
    for block in blocks_of(name, source):
        if block.kind == "heading":
            above = [*above[: block.level - 1], block.text]
        else:
            assert block.kind == "code"
            found.append((" › ".join(above), block.text.split("\n")[0].strip(), block.location))
    return found


def test_python_by_class_and_function() -> None:
    path = "src/billing/invoice.py"
    assert outline(f"/somewhere/far/{path}", PYTHON) == [
        (path, '"""发票：金额与税。"""', "lines 1–4"),
        (f"{path} › def discount(level, *, share, **rest)", "# 折扣，按客户等级。", "lines 7–11"),
        (f"{path} › class Invoice", "class Invoice:", "lines 14–17"),
        (f"{path} › class Invoice › class Line", "class Line:", "lines 19–20"),
        (f"{path} › class Invoice › async def pay(self, *amounts)", "async def pay(self, *amounts):", "lines 22–26"),
        (f"{path} › class Invoice › def void(self)", "# 最后一个", "lines 28–29"),
        (path, "discount(1)", "line 31"),
    ]
    assert loaded(path, PYTHON).title == "invoice.py"
    assert loaded(path, PYTHON).format == "py"


def test_java_past_strings_and_comments() -> None:
    of = "Invoice.java › class Invoice extends Base implements Payable"
    assert outline("Invoice.java", JAVA) == [
        ("Invoice.java", "package billing;", "lines 1–2"),
        (of, "/** 发票 */", "lines 4–7"),
        (f"{of} › Money total(Tax tax) throws BadTax", "// 合計，含税", "lines 9–14"),
        (f"{of} › Invoice(int number, int year)", "Invoice(int number,", "lines 16–19"),
        (f"{of} › interface Inner", "interface Inner {", "lines 21–24"),
    ]


def test_go() -> None:
    assert outline("main.go", GO) == [
        ("main.go", "package main", "line 1"),
        ("main.go › type Invoice struct", "// 发票 Invoice", "lines 3–6"),
        (
            "main.go › func (r *Invoice) Pay(amount int) (int, error)",
            "func (r *Invoice) Pay(amount int) (int, error) {",
            "lines 8–11",
        ),
        ("main.go", "var names = map[string]int{", "lines 13–15"),
    ]


def test_typescript() -> None:
    assert [(names, place) for names, _, place in outline("tax.ts", TYPESCRIPT)] == [
        ("tax.ts", "line 1"),
        ("tax.ts › const add = (a: number, b: number): number => a + b", "line 3"),
        ("tax.ts › const sub = async (a: number)", "lines 4–8"),
        ("tax.ts › class 发票<T> implements Payable", "lines 9–10"),
        ("tax.ts › class 发票<T> implements Payable › constructor(private a: string)", "lines 11–13"),
        ("tax.ts › class 发票<T> implements Payable › get total(): string", "lines 14–15"),
        ("tax.ts", "line 16"),
    ]


def test_rust() -> None:
    assert [(names, place) for names, _, place in outline("line.rs", RUST)] == [
        ("line.rs", "line 1"),
        ("line.rs › struct Line<'a>", "lines 3–6"),
        ("line.rs › impl<'a> Line<'a>", "line 8"),
        ("line.rs › impl<'a> Line<'a> › fn total(&self) -> i32", "lines 9–14"),
    ]


def test_cpp_with_directives_and_types_on_lines_of_their_own() -> None:
    assert [(names, place) for names, _, place in outline("a.cpp", CPP)] == [
        ("a.cpp", "lines 1–2"),
        ("a.cpp › namespace 帐", "line 3"),
        ("a.cpp › namespace 帐 › class A : public B", "lines 4–5"),
        ("a.cpp › namespace 帐 › class A : public B › A(int x) : x_(x)", "lines 6–7"),
        ("a.cpp › namespace 帐 › class A : public B › bool operator==(const A& o) const", "lines 8–10"),
        ("a.cpp › make(int a)", "lines 11–15"),
        ("a.cpp", "line 16"),
    ]


def test_languages_of_closing_words() -> None:
    assert [(names, place) for names, _, place in outline("a.rb", RUBY)] == [
        ("a.rb", "line 1"),
        ("a.rb › module Billing", "line 3"),
        ("a.rb › module Billing › class Invoice < Base", "lines 4–5"),
        ("a.rb › module Billing › class Invoice < Base › def total(tax)", "lines 6–12"),
    ]
    assert [(names, place) for names, _, place in outline("a.sh", SHELL)] == [
        ("a.sh", "lines 1–2"),
        ("a.sh › deploy()", "lines 4–9"),
        ("a.sh", "line 11"),
    ]


def test_sql_by_statement() -> None:
    assert outline("a.sql", SQL) == [
        ("a.sql › CREATE TABLE 订单", "-- 订单", "lines 1–2"),
        ("a.sql", "INSERT INTO 订单 VALUES (1, '甲;乙');", "line 3"),
        ("a.sql", "DELETE FROM 订单;", "line 4"),
        (
            "a.sql › CREATE OR REPLACE FUNCTION total",
            "CREATE OR REPLACE FUNCTION total() RETURNS int AS $$",
            "lines 5–9",
        ),
        ("a.sql › CREATE PROCEDURE pay", "CREATE PROCEDURE pay()", "lines 10–14"),
        ("a.sql", "DROP TABLE 舊;", "line 15"),
    ]


def test_configuration_by_section() -> None:
    assert [(names, place) for names, _, place in outline("a.yaml", YAML)] == [
        ("a.yaml", "lines 1–3"),
        ("a.yaml › services", "lines 4–6"),
        ("a.yaml › volumes", "lines 7–9"),
        ("a.yaml", "line 10"),
    ]
    assert [(names, place) for names, _, place in outline("a.toml", TOML)] == [
        ("a.toml", "line 1"),
        ("a.toml › [project]", "lines 3–4"),
        ("a.toml › [[tool.檢索]]", "lines 6–7"),
    ]
    assert [(names, place) for names, _, place in outline("a.tex", TEX)] == [
        ("a.tex", "line 1"),
        ("a.tex › 引言", "lines 2–3"),
        ("a.tex › 引言 › 背景 Background", "lines 4–5"),
        ("a.tex › End", "line 6"),
    ]


def test_member_of_an_archive_has_its_path_as_heading() -> None:
    file = RawFile.of_bytes("code.zip!src/税.py", b"x = 1\n")
    (document,) = SourceCodeLoader().load(file, ReadingSettings())
    assert isinstance(document, RawDocument)
    assert [block.text for block in document.blocks] == ["code.zip/src/税.py", "x = 1"]


def words_in(source: str) -> list[str]:
    return [line for line in source.split("\n") if line.strip()]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_line_is_there_once_and_as_it_stands(name: str, ends: str) -> None:
    blocks = blocks_of(name, EVERY[name].replace("\n", ends))
    assert [line for b in blocks if b.kind == "code" for line in words_in(b.text)] == words_in(EVERY[name])


@pytest.mark.parametrize("name", EVERY)
def test_damaged_source_keeps_every_line(name: str) -> None:
    chance = random.Random(name)
    for _ in range(60):
        source = EVERY[name]
        source = source[: chance.randrange(1, len(source))] if chance.random() < 0.4 else source
        for _ in range(chance.randrange(5)):
            at = chance.randrange(len(source))
            source = source[:at] + chance.choice("{}()[]\"'`/*\\\n;#:税 ") + source[at + 1 :]
        if not source.strip():
            continue
        blocks = blocks_of(name, source)
        assert [line for b in blocks if b.kind == "code" for line in words_in(b.text)] == words_in(source)


@pytest.mark.parametrize("name", ["坏.py", "坏.js", "坏.java"])
def test_what_cannot_be_parsed_is_cut_at_blank_lines(name: str) -> None:
    paragraph = "\n".join(f"def f{i}(: 值 = {{ {i}" for i in range(10))
    found = outline(name, "\n\n".join([paragraph] * 8))
    assert [names for names, _, _ in found] == [name] * 4
    assert [place for *_, place in found] == ["lines 1–21", "lines 23–43", "lines 45–65", "lines 67–87"]


def test_long_function_is_cut_at_blank_lines_under_its_signature() -> None:
    body = "\n\n".join("\n".join(f"    值{i}_{j} = {i} * {j}" for j in range(10)) for i in range(9))
    found = outline("a.py", f"def long(a):\n{body}\n")
    assert {names for names, _, _ in found} == {"a.py › def long(a)"}
    assert [place for *_, place in found] == ["lines 1–22", "lines 24–44", "lines 46–66", "lines 68–88", "lines 90–99"]


def test_chunks_keep_indentation_and_repeat_the_signature() -> None:
    body = "\n".join(f"        if 条件_{i}:\n            total += rate_{i} * 税率" for i in range(80))
    source = f"class Invoice:\n    def total(self):\n{body}\n"
    parts = list(split(blocks_of("a.py", source), SplittingSettings(max_tokens=100)))
    chunks = [(part.contexts[i], part.text_of(i)) for part in parts for i in range(len(part.chunks))]
    method = [text for context, text in chunks if context == "a.py › class Invoice › def total(self)"]
    assert len(method) > 5
    assert "\n".join(method) == source.split("\n", 1)[1].rstrip("\n")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_encodings(encoding: str) -> None:
    source = "# 本函数用于计算合同的付款金额，单位为元。\ndef 付款(金额):\n    return 金额\n"
    (path, heading, code) = blocks_of("付款.py", source.encode(encoding))
    assert (path.text, heading.text, code.text) == ("付款.py", "def 付款(金额)", source.rstrip("\n"))


@pytest.mark.parametrize(
    "name, source",
    [
        ("a.py", "(" * 100_000),
        ("a.py", "x = " + "-" * 50_000 + "1"),
        ("a.js", "{" * 200_000),
        ("a.js", "a = /" * 60_000),
        ("a.cpp", 'R"x(' * 60_000),
        ("a.rs", 'r#"' * 60_000),
        ("a.java", "public " * 60_000),
        ("a.java", "foo <" * 60_000),
        ("a.kt", '"""' * 60_001),
        ("a.sql", "$a$ begin " * 30_000),
        ("a.yaml", "键: " * 60_000),
        ("a.tex", "\\section{" * 30_000),
        ("a.ts", "const a = (\n" * 20_000),
        ("a.go", "func f(\n" * 20_000 + ")" * 20_000),
        ("a.rb", "def x\n" * 20_000),
        ("a.c", "int f() {\n" * 20_000 + "}\n" * 20_000),
    ],
)
def test_hostile_source_is_read_in_time(name: str, source: str) -> None:
    assert any(block.kind == "code" for block in blocks_of(name, source))
