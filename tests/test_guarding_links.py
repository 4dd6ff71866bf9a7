"""What an answer may link to when it is shown."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from qianxun.guarding import addresses, safe_links

PASSAGES = (
    "见 https://example.com/a（官网），[手册](https://example.com/m_(1)) and www.example.org/q.",
    "说明在https://example.com/b的附录；点击 javascript://%0aalert(1)",
    "API: <https://example.com/c?x=1&y=2>, https://example.com/維基.",
)
ALLOWED = addresses(PASSAGES)


def test_addresses_of_passages_come_without_the_sentence_around_them() -> None:
    expected = {
        "https://example.com/a",
        "https://example.com/m_(1)",
        "www.example.org/q",
        "https://example.com/b",
        "https://example.com/c?x=1&y=2",
        "https://example.com/維基",
    }
    assert expected <= ALLOWED
    assert not any("evil" in address for address in ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "没有链接，nothing at all: [1][2]，a[0] < b & c; 3 > 2",
        "[手册](https://example.com/m_(1))",
        "见 https://example.com/a。",
        "[API](https://example.com/c?x=1&y=2) and <https://example.com/a>!",
        "(https://example.com/a)",
        "www.example.org/q, 好！[1]",
        "见https://example.com/b的附录",
        "[維基](https://example.com/維基)",
    ],
)
def test_what_the_passages_have_stays(text: str) -> None:
    expected = text.replace("[維基](https://example.com/維基)", "維基 (https：//example.com/維基)")
    assert safe_links(text, ALLOWED) == expected


@pytest.mark.parametrize(
    "text, shown",
    [
        ("![图](https://example.com/a)", "图 (https：//example.com/a)"),
        ("![x](https://evil.example/?q=密码)", "x (https：//evil.example/?q=密码)"),
        ("![](https://evil.example/)", " (https：//evil.example/)"),
        ("[x](https://evil.example/?q=1)", "x (https：//evil.example/?q=1)"),
        ("[x](https://example.com/a?q=secret)", "x (https：//example.com/a?q=secret)"),
        ("[x](https://example.com/ab)", "x (https：//example.com/ab)"),
        ("[x](HTTPS://example.com/a)", "x (HTTPS：//example.com/a)"),
        ("[x](<https://example.com/a> 'title')", "[x](https://example.com/a)"),
        ('[x](https://example.com/a "title")', "[x](https://example.com/a)"),
        ("[x](javascript:alert(1))", "[x] (javascript:alert(1))"),
        ("[x](javascript://%0aalert(1))", "x (javascript：//%0aalert(1))"),
        ("[x](//evil.example)", "[x] (//evil.example)"),
        ("[x](/api/delete?id=1)", "[x] (/api/delete?id=1)"),
        ("[x](www.example.org/q)", "x (www．example.org/q)"),
        ("<https://evil.example>", "< https：//evil.example>"),
        ("<img src=https://evil.example/x>", "< img src=https：//evil.example/x>"),
        ("<!-- x -->", "< !-- x -->"),
        ("![x][1]\n\n[1]: https://evil.example/x", "![x][1]\n\n[1] : https：//evil.example/x"),
        ("[1]: <https://example.com/a>", "[1] : <https://example.com/a>"),
        ("https&#58;//evil.example &colon;", "https& #58;//evil.example & colon;"),
        ("https:\\/\\/evil.example", "https：\\/\\/evil.example"),
        ("www.evil.example/x", "www．evil.example/x"),
        ("WWW.evil.example", "WWW．evil.example"),
        ("见https://example.com/b的密码", "见https://example.com/b 的密码"),
        ("[https://evil.example](https://example.com/a)", "[https：//evil.example](https://example.com/a)"),
        (
            "[![x](https://evil.example/1)](https://example.com/a)",
            "[x (https：//evil.example/1)] (https://example.com/a)",
        ),
        ("![wow!]()[x](https://example.com/a)", "wow! ()[x](https://example.com/a)"),
        ("https://example.com/a](https://evil.example", "https：//example.com/a] (https：//evil.example"),
        ("`x[0](y)`", "`x[0] (y)`"),
    ],
)
def test_what_the_passages_do_not_have_is_plain_text(text: str, shown: str) -> None:
    assert safe_links(text, ALLOWED) == shown


SIGNS = (
    "[ ] ( ) ! < > ![x] [x] ]( ]: \\ ` &#58; &colon; ' ： https: // javascript:x /img !-- 文 x [1] http : - *".split()
)
WHOLE = [
    *PASSAGES[1].split("；"),
    "https://evil.example/?q=密码",
    "https://example.com/a",
    "www.evil.example",
    "//evil.example",
]
PIECES = st.sampled_from(
    [*SIGNS, *WHOLE, *sorted(ALLOWED), "\n", "\n\n", " ", "> ", "- ", "[1]: ", "img src=", "a href=", '"t"']
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_renderer_makes_more_of_it_than_allowed_links(text: str) -> None:
    shown = safe_links(text, ALLOWED)
    renderer = MarkdownIt("commonmark", {"html": True})
    hrefs = {renderer.normalizeLink(address) for address in ALLOWED if address.startswith("http")}
    tokens: list[Any] = [each for block in renderer.parse(shown) for each in (block, *(block.children or ()))]
    for token in tokens:
        assert token.type not in ("image", "html_inline", "html_block")
        if token.type == "link_open":
            assert token.attrs["href"] in hrefs
    bare = re.findall(r"(?:https?://|(?<![A-Za-z0-9])www\.)[^\s<>()\[\]\"'`\\，。：]*", shown)
    assert all(any(address.startswith(each.rstrip("*!:&;")) for address in ALLOWED) for each in bare)
    assert safe_links(shown, ALLOWED) == shown


@given(st.text(st.sampled_from("abc文，。 12\n().;")))
def test_text_without_anything_like_a_link_stays(text: str) -> None:
    assert safe_links(text, ALLOWED) == text
