"""Every sentence for people has a Chinese translation with the same placeholders."""

import ast
import errno
import os
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

from qianxun import errors, messages
from qianxun.documents import decoding
from qianxun.languages import zh
from qianxun.messages import language_of_locale, say, set_language
from qianxun.service import problems, refused
from qianxun.settings import every_setting
from qianxun.web import site as pages

SOURCE = Path(errors.__file__).parent
ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.QianxunError)
}
# Those that other modules derive from them.
ERRORS |= {
    node.name
    for path in SOURCE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id in ERRORS for base in node.bases)
}


def templates() -> dict[str, str]:
    """Every template in the code, and where it stands."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for text in _texts_of(node, constants):
                    found.setdefault(text, f"{path.relative_to(SOURCE)}:{node.lineno}")
    for path in sorted((SOURCE / "web" / "templates").glob("*.html")):
        for call in pages.templates().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say" and isinstance(call.args[0], nodes.Const):
                found.setdefault(call.args[0].value, f"web/templates/{path.name}:{call.lineno}")
    found |= dict.fromkeys(details(), "a value in a reason")
    found |= dict.fromkeys(refused._FORMS.values(), "a form of a field")
    found |= dict.fromkeys((*problems.TITLES.values(), "Error"), "what a page of an error is called")
    found |= {setting.about: f"settings: {setting.key}" for setting in every_setting()}
    return found


def details() -> set[str]:
    """Values in reasons that are words themselves: what a file looks like; what libraries and the system say."""
    kinds = {what for _, what in decoding._SIGNATURES} | {
        "a ZIP archive",
        "an Office document",
        "a video",
        "binary data",
    }
    pdfium = [f"Failed to load document (PDFium: {what} error)" for what in ("Data format", "File access")]
    return kinds | {
        "no PDF header",
        *pdfium,
        "Failed to load document (PDFium: Unsupported security scheme)",
        "File is not a zip file",
        *(os.strerror(number) for number in (errno.EACCES, errno.EIO, errno.ENOENT)),
    }


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's own names for texts."""
    return {
        name.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(name, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def _texts_of(call: ast.Call, constants: dict[str, str]) -> Iterator[str]:
    if _name(call) == "finding":  # a check of a model: its name, whether it passed, what was seen, what to do
        arguments: list[ast.expr] = call.args[2:4]
    elif _name(call) in ("say", "Remark") or _name(call) in ERRORS:
        arguments = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "remedy")]
    else:
        return
    for argument in arguments:
        for part in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                yield part.value
            elif isinstance(part, ast.Name) and part.id in constants:
                yield constants[part.id]


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_every_message_is_translated() -> None:
    missing = {text: where for text, where in templates().items() if text not in zh.MESSAGES}
    assert not missing, "\n".join(f"{where}: {text!r}" for text, where in missing.items())


def test_translations_have_the_placeholders_of_the_original() -> None:
    for text, translation in zh.MESSAGES.items():
        assert fields(translation) <= fields(text), text
        dropped = fields(text) - fields(translation)
        assert not dropped, f"{text!r} loses {dropped}"


def test_no_translation_is_left_over() -> None:
    assert sorted(set(zh.MESSAGES) - set(templates())) == []


def test_no_message_is_an_f_string() -> None:
    """An f-string would be filled in before it is looked up, so it could never be translated."""
    bad = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (_name(node) == "say" or _name(node) in ERRORS):
                remedies = [keyword.value for keyword in node.keywords if keyword.arg == "remedy"]
                if any(isinstance(text, ast.JoinedStr) for text in (*node.args[:1], *remedies)):
                    bad.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert bad == []


def test_chinese_ends_with_full_width_punctuation() -> None:
    for text, translation in zh.MESSAGES.items():
        if text.endswith(". ") or text.endswith("."):
            assert translation.endswith(("。", "）", "`", "…")), text
        assert ", " not in translation.replace("{", "").replace("`", "") or translation.isascii(), translation


@pytest.mark.parametrize(
    "environment, language",
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANGUAGE": "zh:en", "LC_ALL": "en_US.UTF-8"}, "zh"),
        ({}, "en"),
    ],
)
def test_locale_chooses_the_language(environment: dict[str, str], language: str) -> None:
    assert language_of_locale(environment) == language


def test_an_error_speaks_the_language_set() -> None:
    error = errors.InputError("The question is empty.", remedy="Type what you are looking for.")
    try:
        set_language("zh")
        assert error.in_words() == "问题是空的。请输入要查找的内容。"
        assert say("yes") == "是"
        assert str(error) == "The question is empty. Type what you are looking for."
        set_language("xx")
        assert messages.language() == "en"
        assert say("yes") == "yes"
    finally:
        set_language("en")
