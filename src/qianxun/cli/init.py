"""`qianxun init`: at most four questions, then a commented settings file with every setting in it."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qianxun.cli.session import Session
from qianxun.cli.words import wrapped
from qianxun.errors import InputError, SettingsError, StorageError
from qianxun.messages import LANGUAGES, language, language_of_locale, say, set_language
from qianxun.settings import ANY_NAME, FILE_NAME, PROFILES, every_setting, to_toml
from qianxun.shapes import version

COLUMNS = 96
# Installed encoders that are no choice by themselves: one finds little, the others need a model named.
NO_CHOICE = frozenset({"hash", "http", "transformers"})
SECTIONS = ("encoder", "reranker", "generator")


def description() -> str:
    """What help says at the top."""
    return say(
        "Asks at most four questions (documents, model, the model's key variable if it needs one, language) and writes "
        "qianxun.toml in this folder, or the file named by --config. A flag answers its question; without a terminal "
        "the rest gets its default."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `init`; `--language` is a common option and the last answer."""
    parser.add_argument("--documents", metavar="DIR", help=say("the folder that `qianxun add` reads"))
    parser.add_argument("--model", metavar="NAME", help=say("the models: a profile, or an installed encoder plugin"))
    parser.add_argument(
        "--key-variable",
        metavar="NAME",
        help=say("the environment variable that holds the model's key, if it needs one"),
    )
    parser.add_argument("-y", "--yes", action="store_true", help=say("ask nothing; defaults for what no flag answers"))
    parser.add_argument("--force", action="store_true", help=say("overwrite the file if it is there"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Asks, writes the file, says what to type next."""
    path = Path(args.config).expanduser() if args.config else Path.cwd() / FILE_NAME
    if path.exists() and not args.force:
        raise InputError(
            "{path} is there already.", remedy="Edit it, or overwrite it with `qianxun init --force`.", path=path
        )
    asks = not args.yes and not session.as_json and sys.stdin.isatty()
    if not asks and not args.yes and None in (args.documents, args.model, args.language):
        session.note(say("No terminal to ask at: what no flag answers gets its default."))
    values = _answers(session, args, asks)
    text = toml_of(values)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError("{path} cannot be written: {reason}.", path=path, reason=error.strerror) from error
    following = "qianxun add" if values["documents"] else "qianxun add " + say("FOLDER")
    if session.as_json:
        session.print_json({"file": str(path), "settings": values, "next": following, "version": version()})
        return 0
    session.out.line((say("Wrote {path}.", path=path), "green"))
    if values["documents"] and not Path(values["documents"]).is_dir():
        session.note(say("The folder {folder} does not exist yet.", folder=values["documents"]))
    session.out.line(say("Next: {command}", command=following))
    return 0


def _answers(session: Session, args: argparse.Namespace, asks: bool) -> dict[str, str]:
    documents = args.documents
    if documents is None:
        documents = _ask(session, say("Folder of your documents (empty: name it with each `add`)"), "") if asks else ""
        documents = _unquoted(documents)
    if documents:
        documents = os.path.abspath(os.path.expanduser(documents))  # noqa: PTH100, PTH111
    model = _model(session, args.model, asks)
    chosen_models = _chosen_models(session, model, args.key_variable, asks)
    chosen = args.language
    if chosen is None and asks:
        options = " | ".join(LANGUAGES)
        chosen = _ask(session, say("Language of messages: {options}", options=options), language())
        while chosen not in LANGUAGES:
            chosen = _ask(session, say("{value} is not one of {known}", value=chosen, known=options), language())
    # What the locale says anyway is left to the locale.
    kept = "" if chosen is None or (args.language is None and chosen == language_of_locale()) else chosen
    if kept:
        set_language(kept)
    return {"documents": documents, **chosen_models, "language": kept}


def _chosen_models(session: Session, model: str, key_variable: str | None, asks: bool) -> dict[str, str]:
    """The settings that choose a profile or a plugin, and the variable that holds the key if it needs one."""
    if model not in PROFILES:
        own: dict[str, str] = {"encoder.name": model}
    else:
        own = {"profile": model}
    usual = str(PROFILES.get(model, {}).get("encoder", {}).get("api_key_env", ""))
    if not usual:
        if key_variable is not None:
            raise SettingsError(
                "The model {model!r} needs no key, so there is no key variable to name.",
                remedy="Leave --key-variable out.",
                model=model,
            )
        return own
    if key_variable is None:
        key_variable = _ask(session, say("Environment variable that holds the key"), usual) if asks else usual
    if key_variable != usual:
        own |= {f"{section}.api_key_env": key_variable for section in SECTIONS}
    return own


def _model(session: Session, given: str | None, asks: bool) -> str:
    offered = [*PROFILES, *(name for name in installed_encoders() if name not in NO_CHOICE | PROFILES.keys())]
    known = [*offered, *installed_encoders()]
    if given is None and asks:
        session.note(say("Models to choose from: {models}.", models=say(", ").join(offered)))
        session.note(
            say(
                "builtin comes with qianxun: Chinese and English, no download, no key; answers quote the documents. "
                "qwen-local runs Qwen models in this program (pip install 'qianxun[qwen]'), qwen-vllm asks vLLM "
                "servers on this machine, dashscope the hosted service. Any other mixture: edit the file afterwards."
            )
        )
        given = _ask(session, say("Model"), "builtin")
        while given not in known:
            session.note(say("{value} is not one of {known}", value=given, known=say(", ").join(offered)) + say("."))
            given = _ask(session, say("Model"), "builtin")
    model = given or "builtin"
    if model not in known:
        raise SettingsError(
            "There are no models named {model!r}.", remedy="Known: {known}.", model=model, known=", ".join(offered)
        )
    return model


def installed_encoders() -> list[str]:
    """The names of installed encoders, `builtin` first."""
    from importlib.metadata import entry_points

    names = {point.name for point in entry_points(group="qianxun.encoders")}
    return ["builtin", *sorted(names - {"builtin"})]


def _unquoted(path: str) -> str:
    """A path pasted with the quotes that a shell would have taken away."""
    return path[1:-1].strip() if len(path) > 1 and path[0] == path[-1] and path[0] in "'\"" else path


def _ask(session: Session, question: str, default: str) -> str:
    session.err.stream.write(f"{question} [{default}]{say(': ')}" if default else f"{question}{say(': ')}")
    session.err.stream.flush()
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip() or default


def toml_of(values: Mapping[str, Any]) -> str:
    """The settings file: every setting with what it means; those in `values` set, the others commented out."""
    lines = [
        *_comment(say("Settings of qianxun. A line that begins with # shows a default; take the # away to change it.")),
        *_comment(
            say(
                "Stronger than this file: a knowledge base's kb.toml, variables such as QIANXUN_SEARCH__K=5, and --set."
            )
        ),
    ]
    section = ""
    for setting in every_setting():
        name = setting.key.rpartition(".")
        if name[0] != section:
            section = name[0]
            lines += ["", f"# [{section}]" if ANY_NAME in section else f"[{section}]"]
        lines += ["", *_comment(say(setting.about))]
        chosen = values.get(setting.key)
        if ANY_NAME in section:  # belongs to its heading, which is a comment, too
            lines.append(f"#   {name[2]} = {to_toml(setting.default)}")
        elif chosen and chosen != setting.default:
            lines.append(f"{name[2]} = {to_toml(chosen)}")
        else:
            lines.append(f"# {name[2]} = {to_toml(setting.default)}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrapped(text[0].upper() + text[1:], COLUMNS)]
