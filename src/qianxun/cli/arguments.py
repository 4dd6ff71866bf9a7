"""Command line arguments, their help and their errors, in the reader's language.

A parser is built for one command only, at run time, so the language is known and no other command's
module is imported. The common options may stand before the command or after it. argparse's own words
come from here too; a message of a newer Python that is not known yet stays English.
"""

import argparse
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from qianxun.cli.words import cells, padded, wrapped
from qianxun.errors import InputError
from qianxun.messages import LANGUAGES, say

TAKE_A_VALUE = ("--kb", "--config", "--set", "--language")
# Stands before a word that is no option although it begins with a dash; in no argument of a process.
_WORD = "\0"
MAX_COLUMNS = 100


class Formatter(argparse.HelpFormatter):
    """Help whose wrapping knows that a Chinese character takes two cells."""

    def __init__(self, prog: str, **options: Any) -> None:
        columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS)
        super().__init__(prog, **{"max_help_position": 26, "width": columns - 2} | options)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """The usage, with our word for it."""
        super().add_usage(usage, actions, groups, say("usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in wrapped(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    """An argument parser that speaks the reader's language and raises InputError."""

    def __init__(self, prog: str, description: str, **options: Any) -> None:
        super().__init__(
            prog, description=description, formatter_class=Formatter, add_help=False, allow_abbrev=False, **options
        )
        self._positionals.title = say("arguments")
        self._optionals.title = say("options")

    def shorten_usage(self) -> None:
        """Fixes the usage to the arguments so far; the common ones, added later, are a word in it."""
        prefix = say("usage: ")
        lines = self.format_usage().removeprefix(prefix).rstrip().replace("%", "%%").split("\n")
        more = f"[{say('OPTION')} …]"
        room = min(shutil.get_terminal_size().columns, MAX_COLUMNS) - 2 - (cells(prefix) if len(lines) == 1 else 0)
        if cells(f"{lines[-1]} {more}") <= room:
            lines[-1] += f" {more}"
        else:
            lines.append(" " * (cells(f"{prefix}{self.prog} ")) + more)
        self.usage = "\n".join(lines)

    def format_help(self) -> str:
        """The help, with our punctuation after headings."""
        return re.sub(
            r"^(\S.*):$", lambda line: say("{heading}:", heading=line[1]), super().format_help(), flags=re.MULTILINE
        )

    def parsed(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments. Options may stand between words; what follows `--` is words only.

        `argparse` does either, not both; so words that begin with a dash travel in disguise.
        """
        end = argv.index("--") if "--" in argv else len(argv)
        self._refuse_unknown(argv[:end])
        words = [_WORD + word if word.startswith("-") else word for word in argv[end + 1 :]]
        args = self.parse_intermixed_args([*argv[:end], *words])
        for name, value in vars(args).items():
            if isinstance(value, str):
                setattr(args, name, value.removeprefix(_WORD))
            elif isinstance(value, list):
                setattr(args, name, [v.removeprefix(_WORD) if isinstance(v, str) else v for v in value])
        return args

    def _refuse_unknown(self, argv: Sequence[str]) -> None:
        """Names options that there are not, before `argparse` misses the words that they seem to stand for."""
        known = self._option_string_actions
        unknown, i = [], 0
        while i < len(argv):
            word = argv[i]
            name = word.partition("=")[0] if word.startswith("--") else word[:2]
            i += 1
            if not word.startswith("-") or word == "-" or " " in word or self._negative_number_matcher.match(word):
                continue
            if name not in known:
                unknown.append(word)
            elif isinstance(known[name], argparse._HelpAction):
                return
            elif known[name].nargs is None and word == name:
                i += 1
        if unknown:
            raise InputError(
                "{problem}.",
                remedy="See `{prog} --help`. What begins with a dash and is no option goes after `--`.",
                problem=say("unrecognized arguments: {names}", names=" ".join(unknown)),
                prog=self.prog,
            )

    def error(self, message: str) -> NoReturn:
        """Raises InputError with the message in the reader's language."""
        raise InputError(
            "{problem}.",
            remedy="See `{prog} --help`.",
            problem=in_reader_language(message.replace(_WORD, "").replace("\\x00", "")),
            prog=self.prog,
        )


def add_common(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options of every command."""
    group = parser.add_argument_group(say("options of every command"))
    group.add_argument("--kb", metavar="NAME|DIR", help=say("knowledge base: a name, or a folder"))
    group.add_argument("--config", metavar="FILE", help=say("settings file (default: ./qianxun.toml, else the home's)"))
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help=say("a setting for this run, as in --set search.k=5; may be repeated"),
    )
    group.add_argument("--json", action="store_true", help=say("print one JSON document (docs/json.md)"))
    group.add_argument("--language", choices=LANGUAGES, help=say("language of messages (default: the locale's)"))
    group.add_argument("-v", "--verbose", action="count", default=0, help=say("say more; -vv: everything"))
    group.add_argument("-h", "--help", action="help", help=say("show this help"))
    return group


def command_of(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """The command's name, and the arguments without it. None when there is no command."""
    i = 0
    while i < len(argv):
        if argv[i] in TAKE_A_VALUE:
            i += 2
        elif argv[i].startswith("-"):
            i += 1
        else:
            return argv[i], [*argv[:i], *argv[i + 1 :]]
    return None, list(argv)


def before_words(argv: Sequence[str]) -> Sequence[str]:
    """The arguments up to `--`, after which nothing is an option."""
    return argv[: argv.index("--")] if "--" in argv else argv


def values_of(argv: Sequence[str], option: str) -> list[str]:
    """What a common option is given, before anything else is parsed."""
    found = []
    for i, text in enumerate(before_words(argv)):
        if text == option and i + 1 < len(argv):
            found.append(argv[i + 1])
        elif text.startswith(option + "="):
            found.append(text.partition("=")[2])
    return found


def command_list(groups: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """Commands and what they are for, as help shows them."""
    columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS) - 2
    shown = [(title, list(pairs)) for title, pairs in groups]
    longest = max(len(name) for _, pairs in shown for name, _ in pairs)
    lines: list[str] = []
    for title, pairs in shown:
        lines += ["", say("{heading}:", heading=title)]
        for name, summary in pairs:
            first, *rest = wrapped(summary, columns - longest - 4)
            lines.append(f"  {padded(name, longest)}  {first}")
            lines += [" " * (longest + 4) + line for line in rest]
    return "\n".join(lines[1:])


def add_filters(parser: argparse.ArgumentParser) -> None:
    """`--source` and `--where`: which documents."""
    parser.add_argument("--source", metavar="PREFIX", help=say("only sources that begin with this, such as a folder"))
    parser.add_argument(
        "--where",
        metavar="FILTER",
        help=say('only documents of which this is true, as in "format = pdf and modified >= 2025-01-01"'),
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


# Named as argparse prints it: invalid <name> value.
positive.__name__ = "number"


def in_reader_language(message: str) -> str:
    """An error of argparse in the reader's language; English when it is not known."""
    prefix = ""
    named = re.fullmatch(r"argument (.+?): (.*)", message, re.DOTALL)
    if named:
        prefix, message = say("argument {name}: ", name=named[1]), named[2]
    for pattern, words in _PROBLEMS:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            return prefix + words(*found.groups())
    return prefix + message


_PROBLEMS: Sequence[tuple[str, Callable[..., str]]] = (
    (
        r"the following arguments are required: (.*)",
        lambda names: say("the following arguments are required: {names}", names=names),
    ),
    (r"unrecognized arguments: (.*)", lambda names: say("unrecognized arguments: {names}", names=names)),
    (r"expected one argument", lambda: say("expected one argument")),
    (r"expected at least one argument", lambda: say("expected at least one argument")),
    (r"expected at most one argument", lambda: say("expected at most one argument")),
    (r"expected (\d+) arguments?", lambda n: say("expected {n} arguments", n=n)),
    (
        r"invalid choice: (.*) \(choose from (.*)\)",
        lambda value, known: say("{value} is not one of {known}", value=value, known=known.replace("'", "")),
    ),
    (r"invalid number value: (.*)", lambda value: say("{value} is not a whole number of at least 1", value=value)),
    (r"invalid (\S+) value: (.*)", lambda kind, value: say("{value} is not a valid {kind}", value=value, kind=kind)),
    (r"not allowed with argument (.*)", lambda other: say("not allowed with argument {other}", other=other)),
    (r"one of the arguments (.*) is required", lambda names: say("one of {names} is required", names=names)),
    (r"ignored explicit argument (.*)", lambda value: say("takes no value, but was given {value}", value=value)),
)
