"""What the chat says of errors and of files that were not read: in the reader's language, with the page's names."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served, running

from qianxun.chat import who
from qianxun.chat.api import Api
from qianxun.chat.words import error_in_words, names_file, unread, why_it_failed
from qianxun.client.connection import unreachable
from qianxun.client.records import Job, JobError
from qianxun.errors import InputError, QianxunError
from qianxun.messages import speaking

OWN = f"conversation:{'b8' * 16}/"


def told(error: str, remedy: str = "") -> QianxunError:
    """An error as a service tells it: in English, without the template that it was made from."""
    return InputError(error, remedy=remedy)


def job(result: dict[str, Any] | None = None, error: JobError | None = None) -> Job:
    return Job(
        "t", "add", "default", "done" if error is None else "failed", "", 1, 1, (), (), result, error, "", None, None,
        1, False, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "error", "words"),
    [
        (
            "zh",
            told("body.options.context_tokens is 5; the least is 100.", "The OpenAPI document (/openapi.json) says …"),
            "上下文长度为 5；最小为 100。",
        ),
        (
            "en",
            told("body.options.context_tokens is 5; the least is 100.", "The OpenAPI document (/openapi.json) says …"),
            "Context length is 5; the least is 100.",
        ),
        (
            "zh",
            told("Filter, column 10: a field is expected, not '胡说 ＡＢ'.", "字段：source, label。"),
            "过滤条件第 10 列：此处应为字段，而不是 '胡说 ＡＢ'。字段：source, label。",
        ),
        ("zh", told("過濾條件不對：{{臺北}}。"), "過濾條件不對：{臺北}。"),
        ("zh", unreachable("http://127.0.0.1:8781", OSError("All attempts")), "暂时连不上服务。请重试。"),
        (
            "en",
            unreachable("http://服務.內部:8781", OSError("No route")),
            "The service cannot be reached at the moment. Try again.",
        ),
        ("zh", InputError("{path} is empty.", path=f"{OWN}表格 A.md"), "表格 A.md 是空的。"),
    ],
)
def test_an_error_is_told_in_the_readers_language_without_names_of_the_api(
    language: str, error: QianxunError, words: str
) -> None:
    with speaking(language):
        assert error_in_words(error) == words


@pytest.mark.parametrize("name", ["fake.pdf", "季度 報告（ＡＢＣ）.pdf"])
def test_a_file_that_was_not_read_is_named_once_and_as_it_was_sent(name: str) -> None:
    reason = f"{OWN}{name} is not a readable PDF (Data format error). Open it in a viewer and save it again."
    found = job({"failed": [{"source": f"{OWN}{name}", "reason": reason}], "empty": []})
    with speaking("zh"):
        ((shown, why),) = unread(found)
    assert shown == name
    assert name not in why
    assert "conversation:" not in why
    with speaking("en"):
        assert unread(found)[0][1].startswith("The file is not a readable PDF")


@pytest.mark.parametrize(
    ("error", "name", "is_named"),
    [
        ("工具.exe：不能读取名为 .exe 的文件。", "工具.exe", True),
        ("季度 報告.EXE: files named .exe cannot be read.", "季度  報告.ＥＸＥ", True),
        ("aa.exe: files named .exe cannot be read.", "a.exe", False),
        ("There is no such conversation.", "保修.md", False),
        ("{{a}}.exe: files named .exe cannot be read.", "{a}.exe", True),
    ],
)
def test_an_error_that_names_a_file_is_about_that_file(error: str, name: str, is_named: bool) -> None:
    assert names_file(told(error), name) is is_named


def test_why_a_job_failed_is_told_without_what_only_a_program_can_do() -> None:
    error = JobError("InputError", f"{OWN}a.pdf is not a readable PDF (x).", "Send it with `curl`.")
    with speaking("zh"):
        assert why_it_failed(job(error=error)) == "a.pdf 不是可读取的 PDF（x）。"
    assert why_it_failed(job()) == ""


@pytest.mark.parametrize(
    ("language", "said"),
    [("zh", "过滤条件第 5 列：此处应为字段"), ("en", "Filter, column 5: a field is expected")],
)
def test_the_service_tells_the_chat_its_errors_in_the_readers_language(
    tmp_path: Path, language: str, said: str
) -> None:
    served = Served(tmp_path)
    served.base().close()

    async def asked(url: str) -> str:
        api = Api(url)
        try:
            with who.asking_as(served.key()), pytest.raises(QianxunError) as error:
                async for _ in api.ask_once("default", {"question": "報銷 limit？", "filter": "not 胡说 ＡＢ"}):
                    pass
        finally:
            await api.close()
        return error.value.template

    with running(served.app) as url, speaking(language):
        assert asyncio.run(asked(url)).startswith(said)


def test_who_names_no_language_is_told_what_was_always_told(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.base().close()
    with served.client(labels=["public"]) as client:
        asked = {"question": "限额", "options": {"context_tokens": 5}}
        replies = [
            client.post("/api/v1/bases/default/ask", json=asked, headers=headers).json()["detail"]
            for headers in ({"Accept-Language": ""}, {"Accept-Language": "zh-TW,en;q=0.5"}, {"Accept-Language": "fr"})
        ]
    assert replies[0] == replies[2] == "body.options.context_tokens is 5; the least is 100."
    assert replies[1] == "body.options.context_tokens 为 5；最小为 100。"
