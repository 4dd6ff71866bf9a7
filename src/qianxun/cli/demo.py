"""`qianxun demo`: what `make demo` runs: sample documents, one search, three questions, what to type next."""

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from qianxun import knowledge_base as door
from qianxun import samples
from qianxun.cli import ask as ask_command
from qianxun.cli import search as search_command
from qianxun.cli.counts import documents, new_chunks
from qianxun.cli.reasons import named_reason
from qianxun.cli.session import Session
from qianxun.cli.words import shown_seconds, shown_source
from qianxun.errors import StorageError
from qianxun.messages import language, say
from qianxun.shapes import add_shape, answer_shape, search_shape, version

DIRECTORY = "qianxun-demo"
# A Chinese question on a Chinese document, an English one on an English document, and one whose
# document is in the other language. From samples/questions.jsonl, where the answers are.
QUESTIONS = (
    "在公司工作满 5 年不满 10 年的员工，每年有几天带薪年休假？",
    "How quickly must a SEV1 page be acknowledged?",
    "经销商登记的项目受保护多少天？",
)
SEARCH = {"zh": "出差住宿标准", "en": "warranty period of the flow meter"}


def description() -> str:
    """What help says at the top."""
    return say(
        "Copies the sample documents of an invented company into a folder, builds a knowledge base of them, searches "
        "it, asks three questions (one Chinese, one English, one across languages) and says what to type next."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demo`."""
    parser.add_argument(
        "--dir", metavar="DIR", default=DIRECTORY, help=say("where to put it (default: ./{folder})", folder=DIRECTORY)
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Builds and shows the demonstration; a second run finds everything in place."""
    place = Path(args.dir).expanduser().absolute()
    folder, directory = place / "documents", place / "kb"
    try:
        shutil.copytree(Path(samples.__file__).parent / "documents", folder, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise StorageError("{path} cannot be written: {reason}.", path=folder, reason=error) from error
    quiet = session.as_json
    _step(session, say("Adding the sample documents"), f"add {_quoted(folder)}", directory)
    with door.open(directory, settings=session.settings, overrides=session.overrides) as base:
        with session.progress() as progress:
            report = base.add([folder], sync=True, retry=True, progress=progress)
        if not quiet:
            _show_added(session, report)
        words = SEARCH[language()]
        _step(session, say("Searching by meaning and by words"), f'search "{words}" -k 3', directory)
        result = base.search(words, k=3, explain=True)
        if not quiet:
            search_command.show(session, result)
        answers = []
        for question in QUESTIONS:
            _step(session, say("Asking"), f'ask "{question}"', directory)
            answers.append(base.ask(question))
            if not quiet:
                ask_command.show(session.out, answers[-1])
    if quiet:
        session.print_json(
            {
                "directory": str(place),
                "kb": str(directory),
                "add": add_shape(report),
                "search": search_shape(result),
                "answers": [answer_shape(answer) for answer in answers],
                "version": version(),
            }
        )
        return 0
    _say_what_next(session, directory)
    return 0


def _step(session: Session, title: str, command: str, directory: Path) -> None:
    if session.as_json:
        return
    session.out.blank()
    session.out.line((f"── {title} ", "bold blue"))
    session.out.line((f"$ {program()} {command} --kb {_quoted(directory)}", "dim"), whole=True)
    session.out.blank()
    session.out.stream.flush()


def _show_added(session: Session, report: Any) -> None:
    session.out.line(
        say(
            "{documents}, {chunks}, {time}.",
            documents=documents(report.added + report.replaced + report.unchanged),
            chunks=new_chunks(report.chunks),
            time=shown_seconds(report.seconds),
        )
    )
    for source, reason in report.failed:
        session.out.line(("✗ ", "red"), named_reason(source, reason))
    if report.failed:
        session.out.line((say("(One file is broken on purpose: it is named, and the others are kept.)"), "dim"))


def _say_what_next(session: Session, directory: Path) -> None:
    out, name, kb = session.out, program(), _quoted(directory)
    question = say("How long is the warranty of a level sensor?")
    out.blank()
    out.line((f"── {say('What to type next')} ", "bold blue"))
    rows = [
        (f'{name} ask "{question}" --kb {kb}', say("ask the samples something else")),
        (f"{name} init", say("your own documents: write the settings")),
        (f"{name} add {say('FOLDER')}", say("… read them")),
        (f'{name} ask "{say("QUESTION")}"', say("… and ask them")),
    ]
    for command, meaning in rows:
        out.line("  ", (command, "bold"), whole=True)
        out.line("      ", (meaning, "dim"))


def program() -> str:
    """How this program is called from here: `qianxun` when the shell finds it, else the path of what runs."""
    ours = Path(sys.argv[0])
    found = shutil.which("qianxun")
    if found or ours.stem != "qianxun":
        return "qianxun"
    return shlex.quote(shown_source(str(ours.absolute())))


def _quoted(path: Path) -> str:
    return shlex.quote(shown_source(str(path)))
