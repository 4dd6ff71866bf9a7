"""Chinese: encodings of text files."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # documents/decoding.py
    "reading.encodings: {line!r} is not PATTERN=ENCODING.": "reading.encodings：{line!r} 不是“模式=编码”的形式。",
    "Example: *.log=gb18030. Encodings: utf-8, gb18030, big5, shift_jis, euc-kr, cp1252, …": (
        "例如：*.log=gb18030。可用的编码：utf-8、gb18030、big5、shift_jis、euc-kr、cp1252 等。"
    ),
    "{path} is mostly in {encoding}, but a part of it seems to be in {other}.": (
        "{path} 大部分是 {encoding} 编码，但有一部分像是 {other} 编码。"
    ),
    'Save it in one encoding, or name the one it is in: reading.encodings = ["{name}={encoding}"].': (
        '请统一另存为一种编码，或在设置中指明其编码：reading.encodings = ["{name}={encoding}"]。'
    ),
    "{path} may be in one of these encodings, each with another text: {candidates}.": (
        "{path} 可能是以下几种编码之一，读出的文字各不相同：{candidates}。"
    ),
    'Save it as UTF-8, or name the one it is in: reading.encodings = ["{name}={encoding}"].': (
        '请另存为 UTF-8，或在设置中指明是哪一种：reading.encodings = ["{name}={encoding}"]。'
    ),
    "{path} is not in {encoding}, which reading.encodings names for it: {n} places do not decode.": (
        "{path} 不是 reading.encodings 所指明的 {encoding} 编码：有 {n} 处无法解码。"
    ),
    "Correct reading.encodings, or save it as UTF-8.": "请更正 reading.encodings，或另存为 UTF-8。",
    "{path} seems to be in {encoding}, but some of its bytes are not: it is damaged, or in another encoding.": (
        "{path} 像是 {encoding} 编码，但部分字节并不符合：文件已损坏，或是其他编码。"
    ),
    'Save it as UTF-8, or name its encoding: reading.encodings = ["{name}={encoding}"].': (
        '请另存为 UTF-8，或在设置中指明其编码：reading.encodings = ["{name}={encoding}"]。'
    ),
    "{path} is text in no encoding that can be recognised.": "无法识别文本 {path} 的编码。",
    'Save it as UTF-8, or name its encoding: reading.encodings = ["{name}=gb18030"].': (
        '请另存为 UTF-8，或在设置中指明其编码：reading.encodings = ["{name}=gb18030"]。'
    ),
    # settings/sections.py
    "encodings of text files by pattern of their path or name, for example `*.log=gb18030`; the first counts": (
        "按路径或文件名的模式指明文本文件的编码，例如 `*.log=gb18030`；以第一个匹配的为准"
    ),
}
