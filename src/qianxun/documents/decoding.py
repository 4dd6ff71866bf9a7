"""Bytes to text when nobody says which encoding: UTF-8 if it is, else what reads most like text.

Knows files and encodings, no document. A whole file is looked at with bounded memory; what does not
read like text is refused with what it looks like, never guessed at.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile

READ_BYTES: Final = 1 << 18
_SAMPLE_BYTES: Final = 1 << 16

# Longest first: UTF-32-LE begins with the mark of UTF-16-LE.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)

_SIGNATURES: Final = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted Office file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
    (b"RIFF", "a sound, video or image file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"wOF2", "a font"),
)
_ZIP: Final = b"PK\x03\x04"

# All but tab, line feed, form feed, carriage return, escape (coloured logs) and ^Z (old DOS files end with it).
_CONTROL_BYTES: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1A, 0x1B}) + b"\x7f"
_MAX_CONTROL_SHARE: Final = 0.01
_MAX_DAMAGE: Final = 0.005  # share of characters that do not decode: a cut tail or a bad sector, not another encoding
_MIN_SCORE: Final = 0.35
_GUESSES: Final = ("gb18030", "big5hkscs", "cp932", "utf-16-le", "utf-16-be", "cp1252")

# The most frequent characters of Chinese prose, letters and contracts: in real text they are half of all Han
# characters; in text decoded with the wrong table, about one in twenty. Own list, from general frequency knowledge.
_COMMON_BOTH: Final = (
    "的一是在不了有和人大中上用生到他地出就分成可主年以自前天都同行能下方作工定使理公家力部第民如本文日月路比去"
    "代手重期法通名面高全明外水同性目正件好平已由又小工社再合海位收位安光量女相信心反立先口市最入子三十二四五六七八九"
    "百千万元其所也而之此至及与或各每因且但把被更只走教身字告知事物起思想住今回白走放意安色完句士建石山江河田火木土金"
    "食父母友男老少早晚春夏秋冬北南西左右前支加感什我你它自己者果真直常任何公交接受打算取得管制求低表格式格品程度保基"
    "本文件提供付款支付作者印章甲乙丙丁姓名地址日期有限公司合同司令吃看找包含目的要求必定否未若無按照者注意存入多上述"
    "不得停用做和且根据空世界布"
)
_COMMON_SIMPLIFIED: Final = (
    "这来个们为说国时会对过发后里经学种从现见间开关动还进样点没当长问实两东车门业产电给亲请认识让话语读书写买卖价钱银"
    "账帐规章则员单务质技术设备计划统计总结处办厂检验报资费项标准级类数据库网络结构图纸运输货订购销售应该适当须变化证"
    "权义务责任违约赔偿诉讼仲裁议条款协签订履险确认许导领条线组织团队压气热环节点办号码头脑岁农医药厅县区乡镇党军战争"
    "选举阶级转载难题专题评论奖罚满离职属继续随虽然龙飞鱼鸟马风云爱岗敬亿华汉湾与无联节录营优维护"
)
_COMMON_TRADITIONAL: Final = (
    "這來個們為說國時會對過發後裡裏經學種從現見間開關動還進樣點沒當長問實兩東車門業產電給親請認識讓話語讀書寫買賣價錢"
    "銀賬帳規則員單務質術設備計劃統總結處辦廠檢驗報資費項標準級類數據庫網絡結構圖紙運輸貨訂購銷售應該適須變證權義責違"
    "約賠償訴訟議條協簽險確許導領線組織團隊壓氣熱環節號碼頭腦歲農醫藥廳縣區鄉鎮黨軍戰爭選舉階轉載難題專評論獎罰滿離職"
    "屬繼續隨雖龍飛魚鳥馬風雲愛崗億華漢灣與無聯錄營優維護臺灣"
)
_PUNCTUATION: Final = "，。、；：？！“”‘’（）《》「」『』【】〔〕…—～·　％"
_ACCENTED: Final = "àâäáãåæçèéêëìíîïñòóôöõøùúûüýÿßœÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØÙÚÛÜ‘’“”–—…•€£©®™°«»"
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA: Final = re.compile("[\u3040-\u30ff]")
_ODD: Final = re.compile(
    "[\uff61-\uff9f\ue000-\uf8ff\u0080-\u009f\u0400-\u04ff\u0370-\u03ff\u2500-\u257f\U00010000-\U000e0fff]"
)
_ODD_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffe\uffff\ud800-\udfff]")


def looks_like(head: bytes) -> str | None:
    """What the first bytes of a file say it is, when that is not text."""
    if head.startswith(_ZIP):
        if b"word/" in head or b"[Content_Types].xml" in head[:100]:
            return "an Office document"
        return "a ZIP archive"
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if head[4:8] == b"ftyp":
        return "a video"
    return None


def read_text(file: RawFile) -> str:
    """The whole text of a file. Raises UnreadableDocument when its bytes are no text."""
    return "".join(text_pieces(file))


def text_pieces(file: RawFile) -> Iterator[str]:
    """The text of a file in pieces of at most READ_BYTES characters, line ends as they are.

    Raises UnreadableDocument when its bytes are no text.
    """
    with file.open() as stream:
        head = stream.read(READ_BYTES)
        if len(head) < READ_BYTES:  # nearly every file: read once, decoded once
            yield decoded(file, head)
            return
        encoding, skipped = _encoding_of_file(file, head, stream)
        stream.seek(skipped)
        yield from _decoded_stream(file, stream, encoding)


def decoded(file: RawFile, data: bytes) -> str:
    """The text of a file whose bytes were read. Raises UnreadableDocument when they are no text."""
    encoding, skipped = _encoding_of_bytes(file, data)
    if encoding == "utf-8":
        try:
            return data[skipped:].decode("utf-8")
        except UnicodeDecodeError:
            pass
    text = data[skipped:].decode(encoding, "replace")
    if _ODD_CONTROL.search(text) and len(_ODD_CONTROL.findall(text)) > len(text) * _MAX_CONTROL_SHARE:
        raise _binary(file)
    return text


def encoding_of(file: RawFile) -> str:
    """The Python name of the encoding in which this file would be read."""
    with file.open() as stream:
        head = stream.read(READ_BYTES)
        return _encoding_of_file(file, head, stream)[0]


def guessed_encoding(data: bytes) -> str | None:
    """The encoding in which bytes that are not UTF-8 read most like text, or None if none does."""
    sample = _around_first_non_ascii(data)
    scores = {encoding: _likeness(sample, encoding) for encoding in _GUESSES}
    best, second = sorted(_GUESSES, key=lambda encoding: -scores[encoding])[:2]
    # A few rare words score low, but then every other encoding makes nonsense of them.
    if scores[best] > _MIN_SCORE or (scores[best] > 0.2 and scores[best] - scores[second] > 0.3):
        return best
    return "utf-8" if _likeness(sample, "utf-8") > _MIN_SCORE else None  # damaged in a few places


def _decoded_stream(file: RawFile, stream: BinaryIO, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    chars = damaged = 0
    while data := stream.read(READ_BYTES):
        piece = decoder.decode(data)
        chars += len(piece)
        damaged += piece.count("\ufffd")
        if damaged > 100 and damaged > chars * _MAX_DAMAGE:
            raise _no_encoding(file)
        yield piece
    yield decoder.decode(b"", True)


def _encoding_of_bytes(file: RawFile, data: bytes) -> tuple[str, int]:
    marked = _refused_or_marked(file, data)
    if marked:
        return marked
    _refuse_control_bytes(file, data)
    try:
        data.decode("utf-8")
        return "utf-8", 0
    except UnicodeDecodeError:
        guess = guessed_encoding(data)
    if guess is None:
        raise _no_encoding(file)
    return guess, 0


def _encoding_of_file(file: RawFile, head: bytes, stream: BinaryIO) -> tuple[str, int]:
    """The encoding and how many bytes of mark to skip; reads on from where `head` ended."""
    marked = _refused_or_marked(file, head)
    if marked:
        return marked
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = head
    while data:
        _refuse_control_bytes(file, data)
        try:
            decoder.decode(data)
        except UnicodeDecodeError as error:
            at = min(error.start, len(data) - 1)
            begins = data.rfind(b"\n", 0, at + 1) + 1
            begins = begins if at - begins < _SAMPLE_BYTES else 0
            sample = data[begins : at + _SAMPLE_BYTES]
            guess = guessed_encoding(sample)
            if guess is None:
                raise _no_encoding(file) from error
            return guess, 0
        data = stream.read(READ_BYTES)
    return "utf-8", 0


def _refused_or_marked(file: RawFile, head: bytes) -> tuple[str, int] | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    what = looks_like(head[:4096])
    if what is not None:
        raise mismatch(file, what)
    unmarked = _unmarked_utf16(head)
    return (unmarked, 0) if unmarked else None


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: it has zero bytes, nearly all at even or nearly all at odd places."""
    sample = head[:_SAMPLE_BYTES]
    zeros = sample.count(0)
    if not zeros:
        # Chinese without a line feed has no zero bytes, but bytes that no other encoding has.
        if _control_share(sample) > _MAX_CONTROL_SHARE:
            likeness, encoding = max((_likeness(sample, encoding), encoding) for encoding in ("utf-16-le", "utf-16-be"))
            return encoding if likeness > _MIN_SCORE else None
        return None
    even = sample[0::2].count(0)
    for encoding, own in (("utf-16-be", even), ("utf-16-le", zeros - even)):
        if own >= zeros * 0.9:
            text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
            odd = len(_ODD_CONTROL.findall(text)) + text.count("\ufffd")
            if odd > len(text) * _MAX_CONTROL_SHARE:
                continue
            ascii_share = sum(c.isascii() for c in text) / max(len(text), 1)
            if ascii_share > 0.8 or _likeness(sample, encoding) > _MIN_SCORE:
                return encoding
    return None


def _refuse_control_bytes(file: RawFile, data: bytes) -> None:
    if b"\x00" in data or _control_share(data) > _MAX_CONTROL_SHARE:
        raise _binary(file)


def _control_share(data: bytes) -> float:
    return 1.0 - len(data.translate(None, _CONTROL_BYTES)) / max(len(data), 1)


def _likeness(data: bytes, encoding: str) -> float:
    """How much the bytes read like text in this encoding; about 1 for prose, below 0.2 for the wrong one."""
    if encoding.startswith("utf-16") and len(data) % 2:
        data = data[:-1]
    text = data.decode(encoding, "replace")
    if text.endswith("\ufffd"):
        text = text[:-1]  # the sample ends inside a character
    beyond = [c for c in text if c > "\x7f"]
    if not beyond:
        return 0.0
    damaged = text.count("\ufffd")
    if damaged > max(len(text) * _MAX_DAMAGE, 0 if len(beyond) < 200 else 1):
        return 0.0
    if len(_ODD_CONTROL.findall(text)) > len(text) * _MAX_CONTROL_SHARE:
        return 0.0
    n = len(beyond)
    odd = len(_ODD.findall(text))
    if encoding == "cp1252":
        # Accents and typographic quotes stand alone inside Latin words; whatever comes in runs is not Western.
        runs = len(re.findall(r"[^\x00-\x7f]{2,}", text))
        plain = sum(c in _ACCENTED for c in beyond)
        return 0.0 if n > len(text) * 0.3 or runs > n * 0.2 else 0.7 * plain / n
    common = _common_of(encoding)
    kana = len(_KANA.findall(text))
    n_common = sum(c in common for c in beyond)
    punctuation = sum(c in _PUNCTUATION for c in beyond)
    han = len(_HAN.findall(text))
    # Kana are proof of Japanese only in an encoding made for it, and only beside Han or in number.
    if encoding == "cp932":
        good = kana + 0.5 * n_common + 0.7 * punctuation
    else:
        good = n_common + 0.7 * punctuation + (0.5 * kana if encoding.startswith("utf") else 0.0)
    if encoding.startswith("utf-16") and han < n * 0.5:
        good *= 0.5
    return (good - 2 * odd - 5 * damaged) / n


def _common_of(encoding: str) -> frozenset[str]:
    if encoding == "big5hkscs":
        return _TRADITIONAL
    return _ANY_COMMON


_TRADITIONAL: Final = frozenset(_COMMON_BOTH + _COMMON_TRADITIONAL)
_ANY_COMMON: Final = frozenset(_COMMON_BOTH + _COMMON_SIMPLIFIED + _COMMON_TRADITIONAL)


def _around_first_non_ascii(data: bytes) -> bytes:
    if len(data) <= _SAMPLE_BYTES:
        return data
    at = len(data) - len(data.lstrip(bytes(range(0x80))))
    begins = data.rfind(b"\n", 0, at + 1) + 1
    if at - begins > _SAMPLE_BYTES // 2:
        begins = at
    return data[begins : begins + _SAMPLE_BYTES]


def mismatch(file: RawFile, what: str) -> UnreadableDocument:
    """The error for a file whose bytes are not what its suffix says."""
    return UnreadableDocument(
        "{path} looks like {what}, but is named {suffix}.",
        remedy="Rename it to what it is, or convert it.",
        path=file.name,
        what=what,
        suffix=file.suffix or file.name,
    )


def _binary(file: RawFile) -> UnreadableDocument:
    return mismatch(file, "binary data")


def _no_encoding(file: RawFile) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is text in no encoding that can be recognised (tried UTF-8, UTF-16, GB18030, Big5, Shift-JIS).",
        remedy="Save it as UTF-8.",
        path=file.name,
    )
