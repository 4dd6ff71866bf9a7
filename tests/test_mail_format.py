"""Letters: headers and text in every encoding, attachments by name, mailboxes, Outlook's own files."""

import base64
import random
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path

import compound_file
import pytest

from qianxun.documents.formats.mail import MailboxLoader, MailLoader, OutlookLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

SETTINGS = ReadingSettings()
TEXT = "各位同事：\n\n食堂開放時間為上午十一點半。Lunch is served until 1 p.m.；週末不開放（假日除外）。"


def letter(text: str = TEXT, **headers: str) -> EmailMessage:
    message = EmailMessage()
    given = {"From": "王芳 <wang@example.com>", "To": "li@example.com", "Subject": "关于食堂", **headers}
    given.setdefault("Date", "Tue, 04 Mar 2025 09:30:00 +0800")
    for name, value in given.items():
        message[name] = value
    if text:
        message.set_content(text)
    return message


def read(data: bytes, name: str = "letter.eml") -> tuple[RawDocument, list[RawFile], str]:
    first, *rest = MailLoader().load(RawFile.of_bytes(name, data), SETTINGS)
    assert isinstance(first, RawDocument)
    files = [file for file in rest if isinstance(file, RawFile)]
    return first, files, "\n".join(block.text for block in first.blocks)


def test_a_letter_has_subject_people_date_and_text() -> None:
    raw, files, text = read(letter().as_bytes())
    assert raw.title == "关于食堂"
    assert raw.format == "eml"
    assert files == []
    assert "From: 王芳 <wang@example.com>" in text
    assert "Date: 2025-03-04 09:30 +0800" in text
    assert "食堂開放時間為上午十一點半。Lunch is served until 1 p.m.；週末不開放（假日除外）。" in text


@pytest.mark.parametrize(
    "charset, declared, sent",
    [
        ("gb18030", "gb2312", "关于报销的通知：发票须在三十日内提交，金额不超过五千元。"),
        ("gb18030", "gbk", "朱镕基、喆、堃三人参加会议，镕字不在旧表里。"),
        ("big5hkscs", "big5", "關於報銷的通知：發票須於三十日內提交，金額不超過五千元。"),
        ("cp932", "iso-2022-jp", ""),
        ("utf-8", "utf-8", "纯粹的 UTF-8 文字，with English in between."),
        ("gb18030", "utf-8", "声明为 UTF-8，其实是国标编码的一封信，内容是关于年假的规定和申请办法。"),
        ("gb18030", "", "没有声明编码的一封信，内容是关于年假的规定和申请办法，请大家知道。"),
        ("gb18030", "no-such-charset", "声明了不存在的编码的一封信，内容是关于年假的规定和申请办法。"),
        ("utf-8", "us-ascii", "声明为 ASCII，其实是 UTF-8。"),
        ("cp1252", "iso-8859-1", "“Smart quotes” and an em dash — café, naïve, 30 €."),
    ],
)
@pytest.mark.parametrize("transfer", ["8bit", "base64"])
def test_text_in_any_encoding_is_read_right(charset: str, declared: str, sent: str, transfer: str) -> None:
    if declared == "iso-2022-jp":
        charset, sent = declared, "社内規程のご案内：有給休暇は年間二十日です。"
    body = sent.encode(charset)
    kind = f"Content-Type: text/plain; charset={declared}\r\n" if declared else "Content-Type: text/plain\r\n"
    lines = base64.encodebytes(body) if transfer == "base64" else body
    data = f"From: a@example.com\r\nSubject: x\r\n{kind}Content-Transfer-Encoding: {transfer}\r\n\r\n".encode() + lines
    assert sent in read(data)[2]


@pytest.mark.parametrize(
    "header, shown",
    [
        (b"=?gb2312?B?" + base64.b64encode("关于报销的通知".encode("gb18030")) + b"?=", "关于报销的通知"),
        (b"=?big5?B?" + base64.b64encode("關於報銷的通知".encode("big5")) + b"?=", "關於報銷的通知"),
        (b"=?UTF-8?Q?=E5=B9=B4=E5=81=87_leave?=", "年假 leave"),
        ("关于报销的通知和申请办法".encode("gb18030"), "关于报销的通知和申请办法"),
        ("年假 leave".encode(), "年假 leave"),
        (b"plain", "plain"),
    ],
)
def test_subjects_in_any_encoding_are_read_right(header: bytes, shown: str) -> None:
    data = b"From: a@example.com\r\nSubject: " + header + b"\r\n\r\ntext\r\n"
    assert read(data)[0].title == shown


def test_html_is_read_where_there_is_no_text_beside_it() -> None:
    message = letter(text="")
    message.set_content("Your mail program cannot show this.")
    message.add_alternative("<p>年假共五天，</p><table><tr><th>部门</th><th>天数</th></tr><tr><td>研发</td><td>５</td></tr></table>"
                            "<p>须提前两周向直属上级申请，经批准后方可休假。</p>", subtype="html")  # fmt: skip
    text = read(message.as_bytes())[2]
    assert "年假共五天" in text
    assert "研发 | ５" in text
    assert "cannot show" not in text


def test_text_goes_before_html_that_says_the_same() -> None:
    message = letter()
    message.add_alternative(f"<p>{TEXT}</p>", subtype="html")
    assert read(message.as_bytes())[2].count("Lunch is served") == 1


@pytest.mark.parametrize("name", ["年假规定.txt", "请假单 2025（新）.docx", "expense report.pdf", "報銷.xlsx"])
def test_attachments_are_files_of_their_own(name: str) -> None:
    message = letter()
    message.add_attachment(b"data", maintype="application", subtype="octet-stream", filename=name)
    _, files, text = read(message.as_bytes())
    assert [file.name for file in files] == [f"letter.eml!{name}"]
    assert files[0].read() == b"data"
    assert "data" not in text


def test_names_of_attachments_that_are_written_against_the_standard() -> None:
    encoded = base64.b64encode("年假规定.txt".encode("gb18030")).decode()
    data = (
        "From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f'--b\r\nContent-Type: text/plain; name="=?gb2312?B?{encoded}?="\r\n'
        "Content-Disposition: attachment\r\n\r\none\r\n"
        "--b\r\nContent-Type: text/plain\r\n"
        "Content-Disposition: attachment; filename*=utf-8''%E5%B9%B4.txt\r\n\r\ntwo\r\n"
        "--b\r\nContent-Type: application/pdf\r\n\r\nthree\r\n--b--\r\n"
    ).encode()
    _, files, _ = read(data)
    assert [file.name.partition("!")[2] for file in files] == ["年假规定.txt", "年.txt", "attachment.pdf"]


def test_a_letter_in_a_letter_is_a_file() -> None:
    message = letter()
    message.add_attachment(letter("年假共五天，须提前两周申请。", Subject="年假"))
    _, files, text = read(message.as_bytes())
    assert [file.name for file in files] == ["letter.eml!年假.eml"]
    assert "年假共五天" not in text
    assert "年假共五天" in read(files[0].read())[2]


def test_quotes_are_text_without_their_marks() -> None:
    text = read(letter("同意。\n\n> 年假是否可以\n> 延到明年？\n>> 见规定。").as_bytes())[2]
    assert ">" not in text.partition("\n")[2].replace("<wang@example.com>", "")
    assert "延到明年？" in text


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 500, b"just a text without headers", b"%PDF-1.4\n%abc", "年假".encode()]
)
def test_what_is_no_letter_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="is no mail"):
        read(data)


def test_broken_letters_never_crash() -> None:
    message = letter()
    message.add_attachment(b"data" * 50, maintype="application", subtype="pdf", filename="a.pdf")
    whole = message.as_bytes()
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(whole[: chance.randint(1, len(whole))])
        for _ in range(chance.randint(0, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(bytes(data))
        except UnreadableDocument:
            continue


# -- mailboxes -----------------------------------------------------------------------------------------------


def test_a_mailbox_gives_its_letters(tmp_path: Path) -> None:
    first = letter("第一封。\n\nFrom here on nothing is the same.", Subject="年假")
    second = MIMEText("第二封。", _charset="utf-8")
    second["Subject"], second["From"] = "報銷/單據: 1", "a@example.com"
    path = tmp_path / "信箱.mbox"
    body = first.as_bytes().replace(b"\nFrom here", b"\n>From here")
    path.write_bytes(
        b"From wang@example.com Tue Mar  4 09:30:00 2025\n" + body + b"\n"
        b"From - Wed Mar  5 09:30:00 2025\n" + second.as_bytes() + b"\n"
    )
    letters = list(MailboxLoader().load(RawFile.on_disk(path), SETTINGS))
    assert [one.name.partition("!")[2] for one in letters if isinstance(one, RawFile)] == [
        "2025-03-04 年假.eml", "報銷 單據 1.eml",
    ]  # fmt: skip
    assert isinstance(letters[0], RawFile)
    assert isinstance(letters[1], RawFile)
    text = read(letters[0].read())[2]
    assert "From here on nothing is the same." in text
    assert "第二封。" in read(letters[1].read())[2]


# -- Outlook -------------------------------------------------------------------------------------------------


def opened_msg(data: bytes) -> tuple[RawDocument, list[RawFile], str]:
    first, *rest = OutlookLoader().load(RawFile.of_bytes("letter.msg", data), SETTINGS)
    assert isinstance(first, RawDocument)
    return first, [file for file in rest if isinstance(file, RawFile)], "\n".join(b.text for b in first.blocks)


def test_a_letter_of_outlook() -> None:
    pytest.importorskip("oxmsg")
    data = compound_file.letter(
        "关于食堂", TEXT, sender="王芳", attachments={"年假规定.txt": "年假共五天。".encode() * 500}
    )
    raw, files, text = opened_msg(data)
    assert raw.title == "关于食堂"
    assert "From: 王芳" in text
    assert "李明 <li@example.com>" in text
    assert "食堂開放時間為上午十一點半。" in text
    assert [file.name for file in files] == ["letter.msg!年假规定.txt"]
    assert files[0].read() == "年假共五天。".encode() * 500


def test_outlook_s_html_where_there_is_no_text() -> None:
    pytest.importorskip("oxmsg")
    text = opened_msg(compound_file.letter("x", "", html="<p>年假共五天。</p>"))[2]
    assert "年假共五天。" in text


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600])
def test_what_is_no_letter_of_outlook_is_refused(data: bytes) -> None:
    pytest.importorskip("oxmsg")
    with pytest.raises(UnreadableDocument):
        opened_msg(data)


def test_broken_letters_of_outlook_never_crash() -> None:
    pytest.importorskip("oxmsg")
    whole = compound_file.letter("关于食堂", TEXT, sender="王芳", attachments={"a.txt": b"abc"})
    chance = random.Random(7)
    for _ in range(100):
        data = bytearray(whole[: chance.randint(9, len(whole))])
        for _ in range(chance.randint(0, 10)):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        try:
            opened_msg(bytes(data))
        except UnreadableDocument:
            continue
