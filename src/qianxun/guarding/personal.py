"""Personal data and secrets taken out of what goes to logs and audits. Knows no list and no document.

    masked("请联系张三 13812345678")  →  "请联系张三 [phone]"

What has a check digit is believed by it, wherever it stands: identity numbers of mainland China (GB 11643), bank cards
(Luhn, with the first digits of a known scheme), identity cards of Hong Kong. What has none is believed by its shape
only where that is unlike a number of another kind, else by a word before it: 电话, passport. Numbers announced as
something else (订单号, order no., ISBN) stay. Names, addresses and birthdays are not looked for.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias

Tag: TypeAlias = Literal["secret", "email", "id", "card", "passport", "phone", "ip"]

# Full width to half width, character by character: offsets stay.
_HALF_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# How far before a number its announcement is looked for, in characters.
_ANNOUNCED: Final = 24

# Between an announcement and its number, of which `$` is the place.
_LINK: Final = (
    r"[\"'\])]{0,2}\s{0,2}(?:(?:是|为|為|is|was|number|no\.?|#)\s{0,2}){0,2}[:=]?\s{0,2}[\"'(\[“‘]{0,2}(?:\+?86[ -]?)?$"
)
# Neither within a word nor the tag of something masked.
_NOT_WITHIN: Final = r"(?<![A-Za-z\[])"
_PHONE: Final = re.compile(
    r"(?:(?:电话|電話|手机|手機|座机|座機|传真|傳真|热线|熱線|联系方式|聯絡方式|致电|致電|拨打|撥打|微信|短信)(?:号码|号|號碼|號)?"
    rf"|{_NOT_WITHIN}(?:telephone|tel|phone|mobile|cell|fax|whatsapp|sms)\b\.?){_LINK}",
    re.IGNORECASE,
)
_PASSPORT: Final = re.compile(
    r"(?:(?:护照|護照|通行证|通行證|回乡证|回鄉證|台胞证|台胞證)(?:号码|号|號碼|號)?"
    rf"|{_NOT_WITHIN}(?:passport|travel document)){_LINK}",
    re.IGNORECASE,
)
_IDENTITY: Final = re.compile(
    r"(?:(?:身份证|身分證|身份證|居民证|證件|证件)(?:号码|号|號碼|號|字號)?"
    rf"|{_NOT_WITHIN}(?:identity card|id card|national id|citizen id)){_LINK}",
    re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"(?:(?:订单|訂單|单据|工单|运单|快递|物流|流水|交易|发票|發票|合同|商品|产品|版本|条码|条形码|条形碼|时间戳|時間戳)"
    r"(?:编号|號碼|号码|号|號)?"
    r"|[编編单單批货貨案文票期列]号|[编編单單批货貨案文票期列]號|编码|代码|金额|金額|共计|合计|总额|余额|总数|校验和|主键|端口"
    rf"|{_NOT_WITHIN}(?:order|invoice|ticket|tracking|serial|ref|reference|transaction|txn|request|trace|span|batch|item"
    r"|part|sku|barcode|isbn(?:-1[03])?|issn|ean|upc|gtin|case|build|version|revision|checksum|timestamp|offset|size"
    r"|amount|total|sum|id|uid|bytes|epoch|ts|seq|count|row|line|port|pid|duration|sequence|issue|lot|po|sn|imei|iccid)\b"
    rf"\.?(?:\s?(?:number|code|id|no\.?|\#))?){_LINK}",
    re.IGNORECASE,
)

# A number of another kind goes on with a unit, or begins with a currency or 第.
_UNIT: Final = re.compile(
    r"\s?(?:元|万|萬|亿|億|美元|港币|港幣|日元|円|字节|毫秒|秒|倍|次|条|條|人|吨|件|个|個|%|[KMGT]?B\b|bytes\b|char(?:acter)?s?\b|字|号|號|ms\b|us\b|ns\b"
    r"|USD\b|RMB\b|CNY\b|tokens?\b|rows?\b)"
)
_CURRENCY: Final = re.compile(r"(?:[¥￥$€£第]|USD|RMB|CNY|HK\$|NT\$)\s?[+-]?$")

_DAY: Final = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_DATED: Final = re.compile(rf"(?:19|20)\d\d(?:{_DAY}|[ -])")

# Two digits that the identity numbers of a province begin with.
_PROVINCES: Final = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()
)
_IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# Letters of Taiwan's identity numbers, in the order of their values from 10 on.
_TAIWAN: Final = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
# Calling codes of countries (ITU-T E.164); 1 is checked by itself.
_COUNTRIES: Final = re.compile(
    r"7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|86|9[0-58]|2[1-69]\d|3[578]\d|42\d|5[09]\d|6[789]\d|8[0578]\d"
    r"|9[679]\d"
)
# Bank cards: the first digits and the lengths that they come with.
_SCHEMES: Final = (
    (re.compile("4"), (16,)),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile("3[47]"), (15,)),
    (re.compile("35[2-8]"), (16,)),
    (re.compile("6011|64[4-9]|65"), (16,)),
    (re.compile("62"), (16, 17, 18, 19)),
    (re.compile("955[89]"), (16, 19)),
)

_FILE_NAMES: Final = frozenset("png jpg jpeg gif svg webp ico css js ts mjs map json html htm pdf txt".split())
_NO_VALUES: Final = frozenset(
    "null none nil true false required optional invalid incorrect wrong missing empty hidden expired reset changed "
    "undefined redacted password passwd secret token string str".split()
)


class _Rule(NamedTuple):
    """A shape that is masked if it passes: its group `value`, or all of it where it has none."""

    tag: Tag
    pattern: re.Pattern[str]
    passes: Callable[[re.Match[str]], bool]


def masked(text: str, *, addresses: bool = False) -> str:
    """The text with `[phone]`, `[email]`, `[id]`, `[card]`, `[passport]` or `[secret]` for each of these.

    With `addresses` `[ip]` for IP addresses too, which version numbers of four parts cannot be told from. What is
    masked stays as it is when it is masked again.
    """
    if not _ANYTHING.search(text):
        return text
    found = personal_data(text, addresses=addresses)
    parts, last = [], 0
    for start, end, tag in found:
        parts += [text[last:start], f"[{tag}]"]
        last = end
    return "".join([*parts, text[last:]])


def personal_data(text: str, *, addresses: bool = False) -> list[tuple[int, int, Tag]]:
    """(start, end, kind) of what `masked` replaces, in order; none overlaps another."""
    plain = text if text.isascii() else text.translate(_HALF_WIDTH)
    found: list[tuple[int, int, Tag]] = []
    for rule in (*_RULES, *(_ADDRESSES if addresses else ())):
        parts, last, place = [], 0, 0
        while match := rule.pattern.search(plain, place):
            start, end = match.span("value" if "value" in rule.pattern.groupindex else 0)
            # What does not pass may begin with what belongs to something else: a phone before a card.
            place = match.start() + 1
            if rule.passes(match):
                found.append((start, end, rule.tag))
                # Nothing else may be found in what is masked already.
                parts += [plain[last:start], "\0" * (end - start)]
                place = last = end
        plain = "".join([*parts, plain[last:]])
    return sorted(found)


def _before(match: re.Match[str], announcement: re.Pattern[str]) -> bool:
    """True if this announcement stands right before the match."""
    start = match.start()
    return announcement.search(match.string, max(0, start - _ANNOUNCED), start) is not None


def _digits(match: re.Match[str]) -> str:
    return "".join(c for c in match[0] if c.isdecimal())


def _is_other(match: re.Match[str]) -> bool:
    """True if the number is announced or counted as something that is nobody's."""
    return (
        _UNIT.match(match.string, match.end()) is not None
        or _before(match, _CURRENCY)
        or (_before(match, _OTHER) and not _before(match, _PHONE))
    )


# Secrets


def _always(match: re.Match[str]) -> bool:
    return True


def _has_digit(match: re.Match[str]) -> bool:
    return any(c.isdecimal() for c in match[0])


def _is_password(match: re.Match[str]) -> bool:
    """Any value after `=`; after a colon or in a sentence one that is no word."""
    value, name, link = match["value"], match["name"].lower(), match["link"].strip()
    if value.lower().strip(".") in _NO_VALUES or value[0] in "<{$%(*" or "(" in value or set(value) <= set("*x.•"):
        return False
    if name == "pwd" and value[0] in "/~":
        return False
    return link[-1:] == "=" or any(not c.isalpha() for c in value.rstrip(".!?:"))


def _is_key(match: re.Match[str]) -> bool:
    """Long and random-looking; after names that say so, digits and letters are enough."""
    value = match["value"].rstrip("=")
    has_digit = any(c.isdecimal() for c in value)
    if re.fullmatch(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})", value):
        return has_digit and not value.isdecimal()
    if match["name"].lower() in ("key", "signature"):
        return has_digit and any(c.isupper() for c in value) and any(c.islower() for c in value)
    return has_digit and any(c.isalpha() for c in value)


# Numbers with a check digit


def _is_identity_number(match: re.Match[str]) -> bool:
    number = "".join(c for c in match[0] if c.isalnum()).upper()
    total = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, number[:17], strict=True))
    return number[:2] in _PROVINCES and _is_day(number[6:14]) and "10X98765432"[total % 11] == number[17]


def _is_old_identity_number(match: re.Match[str]) -> bool:
    number = match[0]
    return number[:2] in _PROVINCES and _is_day("19" + number[6:12]) and _before(match, _IDENTITY)


def _is_day(written: str) -> bool:
    try:
        date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        return False
    return True


def _is_hong_kong_identity(match: re.Match[str]) -> bool:
    letters, digits, check = match["letters"], match["digits"], match["check"]
    values = [36 if len(letters) == 1 else ord(letters[0]) - 55, ord(letters[-1]) - 55, *map(int, digits)]
    total = sum(weight * value for weight, value in zip(range(9, 1, -1), values, strict=True))
    return (total + int(check, 11)) % 11 == 0


def _is_taiwan_identity(match: re.Match[str]) -> bool:
    value = _TAIWAN.index(match[0][0]) + 10
    values = [value // 10, value % 10, *map(int, match[0][1:])]
    total = sum(weight * digit for weight, digit in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), values, strict=True))
    return total % 10 == 0 and _before(match, _IDENTITY)


def _is_card(match: re.Match[str]) -> bool:
    number = _digits(match)
    known = any(scheme.match(number) and len(number) in lengths for scheme, lengths in _SCHEMES)
    doubled = (int(c) * 2 for c in number[-2::-2])
    total = sum(map(int, number[-1::-2])) + sum(d // 10 + d % 10 for d in doubled)
    return known and total % 10 == 0 and not _is_other(match)


def _is_passport(match: re.Match[str]) -> bool:
    return _before(match, _PASSPORT)


# Phones


def _is_mobile(match: re.Match[str]) -> bool:
    return not _is_other(match)


def _is_landline(match: re.Match[str]) -> bool:
    if _before(match, _PHONE):
        return True
    return not _DATED.match(match["local"]) and not _is_other(match)


def _is_announced(match: re.Match[str]) -> bool:
    return _before(match, _PHONE) and not _DATED.match(match[0])


def _is_international(match: re.Match[str]) -> bool:
    digits = _digits(match)
    if _UNIT.match(match.string, match.end()) or _before(match, _CURRENCY):
        return False
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] in "23456789" and digits[4] in "23456789"
    return _COUNTRIES.match(digits) is not None and _DATED.match(digits) is None


def _is_mail(match: re.Match[str]) -> bool:
    return match["last"].lower() not in _FILE_NAMES


# A number stands for itself: no part of a longer one, of a name with digits, or of a decimal.
_START: Final = r"(?<![A-Za-z0-9_#])(?<!\d[-+*._/:,])(?<![A-Za-z][-._/])"
_END: Final = r"(?![A-Za-z0-9_]|[-.,/:]\d)"
_NAME: Final = r"[\"']?"
_QUOTED: Final = r"[\"']?"

_RULES: Final = (
    _Rule(
        "secret",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----|.*)", re.S
        ),
        _always,
    ),
    _Rule("secret", re.compile(r"://[^\s/:@]{0,100}:(?P<value>[^\s/@]{1,200})@"), _always),
    _Rule(
        "secret",
        re.compile(
            r"(?<![A-Za-z0-9])(?:eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|sk-[\w-]{16,}|(?:sk|pk|rk)_(?:live|test)_\w{10,}"
            r"|(?:AKIA|ASIA)[0-9A-Z]{16}|LTAI[A-Za-z0-9]{12,30}|AKID[A-Za-z0-9]{13,40}|gh[pousr]_[A-Za-z0-9]{20,}"
            r"|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{35}|hf_[A-Za-z0-9]{20,}"
            r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,})"
        ),
        _has_digit,
    ),
    _Rule("secret", re.compile(r"(?i:\b(?:bearer|basic)\s{1,3})(?P<value>[A-Za-z0-9._~+/=-]{16,})"), _has_digit),
    _Rule(
        "secret",
        re.compile(
            r"(?P<name>password|passwd|passphrase|passcode|pwd|secret|密码|密碼|口令)"
            rf"{_NAME}(?P<link>\s{{0,3}}(?:(?:是|为|為)?\s?[:=]|是|为|為| is |\s(?=[\"']))\s{{0,3}})"
            rf"{_QUOTED}(?P<value>(?:[^\s\0\"'&;,，。；、]|&(?!\w{{1,40}}=)){{3,200}})",
            re.IGNORECASE,
        ),
        _is_password,
    ),
    _Rule(
        "secret",
        re.compile(
            r"(?:(?P<name>(?<![A-Za-z])key|signature|(?:api|access|secret|private|auth|encryption|signing)[_ -]?key"
            r"(?:[_ -]?(?:id|secret))?|(?:access|auth|refresh|session|csrf|id|bot)?[_ -]?token|session[_ -]?id|sessid"
            r"|credential|密钥|密鑰|秘钥|令牌))"
            rf"{_NAME}\s{{0,3}}[:=]\s{{0,3}}{_QUOTED}(?P<value>[A-Za-z0-9+/_~-]{{16,500}}={{0,2}})(?![.\w])",
            re.IGNORECASE,
        ),
        _is_key,
    ),
    _Rule(
        "email",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}"
            r"(?P<last>[A-Za-z]{2,24})(?![A-Za-z0-9_-]|:[\w/~]|\.[A-Za-z0-9])"
        ),
        _is_mail,
    ),
    _Rule(
        "id",
        re.compile(rf"(?<!\d)(?<!\d[.-])[1-9]\d{{5}}[ -]?(?:18|19|20)\d\d{_DAY}[ -]?\d{{3}}[\dXx](?![A-Za-z0-9])"),
        _is_identity_number,
    ),
    _Rule("id", re.compile(rf"{_START}[1-9]\d{{7}}{_DAY}\d{{3}}{_END}"), _is_old_identity_number),
    _Rule(
        "id",
        re.compile(r"(?<![A-Za-z0-9])(?P<letters>[A-Z]{1,2})(?P<digits>\d{6}) ?\((?P<check>[0-9A])\)"),
        _is_hong_kong_identity,
    ),
    _Rule("id", re.compile(rf"{_START}[A-Z][1289]\d{{8}}{_END}"), _is_taiwan_identity),
    _Rule(
        "card",
        re.compile(
            rf"{_START}(?:\d{{4}}(?P<gap>[ -]?)\d{{4}}(?P=gap)\d{{4}}(?P=gap)\d{{4}}(?:(?P=gap)\d{{1,3}})?"
            rf"|3[47]\d\d(?P<two>[ -]?)\d{{6}}(?P=two)\d{{5}}){_END}"
        ),
        _is_card,
    ),
    _Rule("passport", re.compile(rf"{_START}(?:[A-Z]{{0,3}}\d{{6,9}}|\d{{2}}[A-Z]{{2}}\d{{5}}){_END}"), _is_passport),
    _Rule(
        "phone",
        re.compile(
            r"(?<![\w+])\(?\+(?:1[ .-]?\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]?\d{4}|86[ -]?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"
            r"|[1-9](?:[ .-]?\(?\d\)?){7,14})(?![\w%]|[.,:]\d)",
            re.ASCII,
        ),
        _is_international,
    ),
    _Rule("phone", re.compile(rf"{_START}(?:\(?(?:00)?86\)?[ -]?)?1[3-9]\d([ -]?)\d{{4}}\1\d{{4}}{_END}"), _is_mobile),
    _Rule("phone", re.compile(rf"{_START}09\d\d([ -]?)\d{{3}}\1\d{{3}}{_END}"), _is_mobile),
    _Rule("phone", re.compile(rf"{_START}(?:00)?85[23][ -]\(?[2-9]\d{{3}}[ -]?\d{{4}}{_END}"), _is_mobile),
    _Rule(
        "phone",
        re.compile(
            rf"{_START}(?:(?:(?:00)?86[ -])?(?:\((?:0(?:10|2\d|[3-9]\d\d)|0[2-8]\d?)\)[ -]?|0(?:10|2\d|[3-9]\d\d)[ -])"
            r"|(?:00)?86[ -](?:10|2\d|[3-9]\d\d)[ -])"
            rf"(?P<local>[2-9]\d{{2,3}}[ -]?\d{{4}})(?:\s?(?:转|轉|ext\.?|-)\s?\d{{1,5}})?{_END}"
        ),
        _is_landline,
    ),
    _Rule(
        "phone",
        re.compile(rf"{_START}0[2-8]\d?-(?P<local>[2-9]\d{{2,3}}(?:-\d{{4}}|\d{{4}})){_END}"),
        _is_landline,
    ),
    _Rule(
        "phone",
        re.compile(rf"{_START}(?:0\d{{9,11}}|[2-9]\d{{2,3}}[ -]?\d{{4}}|85[23][2-9]\d{{7}}){_END}"),
        _is_announced,
    ),
)

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESSES: Final = (
    _Rule("ip", re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w]|\.\d)", re.ASCII), _always),
    _Rule(
        "ip",
        re.compile(
            r"(?<![\w:.])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}"
            r"|(?:[0-9A-Fa-f]{1,4}:){1,7}:|::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4})(?![\w:])",
            re.ASCII,
        ),
        _always,
    ),
)
# What anything masked has at least: most lines of a log have nothing of it.
_ANYTHING: Final = re.compile(
    r"\d[ -]?\d[ -]?\d[ -]?\d|[@＠]|[０-９]|\d\.\d|::"
    r"|[A-Za-z0-9_-]{16}|pass|pwd|secret|token|key|bearer|basic|signature|credential|sess|密码|密碼|口令|密钥|密鑰|秘钥|令牌",
    re.IGNORECASE,
)
