"""`qianxun prompts`: what models are asked by, and copies of it to change for one knowledge base."""

import argparse

from qianxun.answering.prompts import LANGUAGES, PROMPTS, Language, Name, Template, Templates, file_name
from qianxun.assemble import PROMPTS_FOLDER
from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import prompts_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Shows the prompts that answers are asked by, with their versions; one of them in full. --copy writes one into "
        "the knowledge base's folder `prompts`, where it may be changed: it is then in force there."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `prompts`."""
    parser.add_argument("name", metavar="NAME", nargs="?", help=say("a prompt, such as answer.zh: its text"))
    parser.add_argument("--copy", action="store_true", help=say("write it to be changed; one that is there stays"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the list, or one text, or writes it."""
    if args.copy and args.name is None:
        raise InputError("--copy needs a prompt.", remedy="Example: qianxun prompts answer.zh --copy")
    folder = session.directory / PROMPTS_FOLDER
    if args.name is None:
        _show_list(session, Templates(folder).every())
        return 0
    name, language = _named(args.name)
    if args.copy:
        with session.open():  # only where there is a knowledge base
            folder.mkdir(exist_ok=True)
        path = folder / file_name(name, language)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(Templates().get(name, language).text)
        except FileExistsError as error:
            raise InputError("{path} is there already.", remedy="Change it, or take it away.", path=path) from error
        session.note(say("Written to {path}.", path=path))
        return 0
    found = Templates(folder).get(name, language)
    if session.as_json:
        session.print_json({**prompts_shape([found]), "text": found.text})
    else:
        session.out.stream.write(found.text if found.text.endswith("\n") else f"{found.text}\n")
    return 0


def _named(text: str) -> tuple[Name, Language]:
    for name in dict.fromkeys(PROMPTS.values()):
        for language in LANGUAGES:
            if text.removesuffix(".txt") == f"{name}.{language}":
                return name, language
    known = ", ".join(f"{name}.{language}" for name in dict.fromkeys(PROMPTS.values()) for language in LANGUAGES)
    raise InputError("There is no prompt {name!r}.", remedy="Known: {known}.", name=text, known=known)


def _show_list(session: Session, found: list[Template]) -> None:
    if session.as_json:
        session.print_json(prompts_shape(found))
        return
    for one in found:
        whose = say("the knowledge base's own") if one.own else say("the product's")
        session.out.line((f"{one.name}.{one.language}", "bold"), f"  {one.version}  ", (whose, "dim"))
