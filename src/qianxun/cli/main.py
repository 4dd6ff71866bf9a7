"""The command `qianxun`: finds the language, the settings and the command, runs it, says what went wrong.

Imports the chosen command's module only: `qianxun search` from cold is a benchmark row.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from qianxun.cli.arguments import Parser, add_common, before_words, command_list, command_of, values_of
from qianxun.cli.screen import Screen
from qianxun.cli.session import Session, ToScreen, error_shape, on_one_line
from qianxun.errors import InputError, QianxunError, SettingsError
from qianxun.messages import LANGUAGES, language_of_locale, say, set_language
from qianxun.settings import Settings, load_settings

# These work, or help, when the settings cannot be read.
WITHOUT_SETTINGS = ("init", "doctor", "version")
# After Ctrl-C the same command goes on where it stopped.
RESUME = ("add", "extract", "watch", "sources", "rebuild", "reindex", "compact", "models pull")
# First words of commands of two words.
PAIRED = ("audit", "conversations", "eval", "feedback", "jobs", "keys", "models", "tune")
STOPPED = 130
BROKEN_PIPE = 141
UNEXPECTED = 70


def commands() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every command and what it is for, in groups, as `qianxun --help` shows them."""
    return [
        (
            say("first steps"),
            [
                ("init", say("write a settings file, qianxun.toml, after at most four questions")),
                ("demo", say("build a small knowledge base of sample documents, search it, ask it")),
                ("doctor", say("show versions, paths, free disk and what is missing")),
            ],
        ),
        (
            say("every day"),
            [
                ("add", say("read files, folders and addresses into the knowledge base; changed ones again")),
                ("watch", say("keep folders in step: what changes in them is found within seconds")),
                ("search", say("find passages by meaning and by words")),
                ("ask", say("answer a question, quoting and naming the sources")),
                ("summarize", say("summarize whole documents, citing every sentence")),
                ("conversations", say("list conversations: questions that lean on those before")),
                ("conversations show", say("show one conversation")),
                ("conversations export", say("write one conversation as Markdown or JSON")),
                ("conversations rename", say("give a conversation another title")),
                ("conversations delete", say("delete conversations with all that was said in them")),
                ("extract", say("draw out of documents what a JSON schema asks for, each value with its place")),
                ("list", say("list the documents")),
                ("show", say("show one document, or one passage")),
                ("label", say("change who may see a document")),
                ("remove", say("take documents out, with everything made from them")),
            ],
        ),
        (
            say("care"),
            [
                ("info", say("show what is in the knowledge base, and which models made it")),
                ("sources", say("list where documents came from, and what became of each file")),
                ("duplicates", say("list documents that say the same")),
                ("check", say("compare every index with the stored documents")),
                ("rebuild", say("make the indexes anew from the stored documents")),
                ("reindex", say("change the encoder or the enrichment while searches go on")),
                ("compact", say("give back the space of removed documents and erase their bytes")),
                ("feedback", say("count clicks, thumbs and accepted citations")),
                ("feedback record", say("keep what somebody thinks of passages")),
                ("feedback export", say("write what was found good as pairs of questions and passages")),
                ("feedback erase", say("take back one judgement, or everything of one person")),
                ("prompts", say("show what models are asked by, or copy it to be changed")),
                ("adapt", say("learn from accepted passages; kept only if search is better")),
                ("version", say("show the version")),
            ],
        ),
        (
            say("the service"),
            [
                ("serve", say("serve knowledge bases over HTTP")),
                ("chat", say("serve the chat for a running service")),
                ("mcp", say("serve an assistant with tools to search, ask and read (MCP)")),
                ("keys", say("list the keys of the service")),
                ("keys create", say("make a key: for whom, to which documents, until when")),
                ("keys rotate", say("give a key a new secret")),
                ("keys revoke", say("end a key, from the next request on")),
                ("jobs", say("list the jobs of the service")),
                ("jobs show", say("show one job, and what came of it")),
                ("jobs cancel", say("stop jobs")),
                ("jobs run", say("run the jobs that wait, where no service runs")),
                ("jobs schedules", say("list what runs by the clock")),
            ],
        ),
        (
            say("quality"),
            [
                ("eval retrieval", say("measure search on a data set with known answers")),
                ("eval answers", say("measure answers: right, borne by what they cite, refused where there is none")),
                ("eval make", say("make a question set from your own documents")),
                ("eval compare", say("tell whether one way of searching is better than another")),
                ("eval ablation", say("measure what each stage of search is worth, and what it costs")),
                ("tune", say("choose weights and thresholds of search by your own questions")),
                ("tune reranker", say("fine-tune the reranker on judgements; kept only if search is better")),
                ("tune encoder", say("fine-tune the encoder on judgements; kept only if search is better")),
            ],
        ),
        (
            say("models"),
            [
                ("models list", say("show the models on this machine, and what the settings use")),
                ("models pull", say("download a model from ModelScope or Hugging Face")),
                ("models check", say("test every model of the settings")),
                ("models plan", say("say what a model needs, and what fits on a GPU")),
                ("models serve", say("run vLLM for the models of the settings")),
                ("embed", say("show the vectors of texts")),
                ("rerank", say("judge passages by a reranker")),
                ("generate", say("show what the generator writes for a prompt")),
            ],
        ),
        (
            say("the service's record"),
            [
                ("audit", say("list who asked or changed what through the service")),
                ("audit verify", say("tell whether the record was tampered with")),
                ("audit head", say("show the last row's number and hash, to be noted elsewhere")),
                ("audit export", say("write the record as JSON lines")),
                ("audit report", say("count requests, changes and refusals by day, person and action")),
                ("audit erase", say("make one person unknown in the record")),
                ("monitoring", say("write a dashboard, alert rules and a scrape configuration")),
            ],
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code (`docs/commands.md` lists them)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in before_words(arguments)
    _prepare_streams(as_json)
    set_language(_language_asked(arguments) or language_of_locale())
    try:
        return _run(arguments)
    except QianxunError as error:
        return _failed(error_shape(error), on_one_line(error), error.exit_code, as_json)
    except KeyboardInterrupt:
        command, _ = _command_of(arguments)
        words = say("Stopped. The same command resumes.") if command in RESUME else say("Stopped.")
        return _failed({"error": {"kind": "Stopped", "message": words, "remedy": ""}}, words, STOPPED, as_json)
    except BrokenPipeError:
        # Who read our output has gone (`qianxun list | head`); Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        return _unexpected(error, arguments, as_json)


def _run(arguments: list[str]) -> int:
    command, rest = _command_of(arguments)
    settings, problem = _settings_of(arguments)
    if settings.language and not _language_asked(arguments):
        set_language(settings.language)
    if command is None or command == "help":
        return _without_command(rest, asked=command == "help")
    if command in PAIRED and not any(command == name for _, group in commands() for name, _ in group):
        return _without_action(command, rest)
    module = _module_of(command)
    parser = parser_of(command, module)
    try:
        args = parser.parsed(rest)
    except SystemExit as end:  # --help
        return int(end.code or 0)
    if problem is not None and command not in WITHOUT_SETTINGS:
        raise problem
    config = Path(args.config).expanduser() if args.config else None
    session = Session(settings, kb=args.kb, overrides=args.overrides, as_json=args.json, config=config)
    with _logging_to(session, args.verbose):
        code: int = module.run(session, args)
    sys.stdout.flush()
    return code


def _command_of(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The command, of one word or two, and the arguments without it."""
    command, rest = command_of(arguments)
    if command not in PAIRED:
        return command, rest
    action, remaining = command_of(rest)
    known = {name for _, group in commands() for name, _ in group}
    if action is None or (command in known and f"{command} {action}" not in known):
        return command, rest
    return f"{command} {action}", remaining


def _without_action(command: str, rest: list[str]) -> int:
    """What can follow a first word."""
    actions = [pair for _, group in commands() for pair in group if pair[0].startswith(f"{command} ")]
    sys.stdout.write(command_list([(f"qianxun {command}", actions)]) + "\n")
    return 0 if not {"-h", "--help"}.isdisjoint(before_words(rest)) else 2


def parser_of(command: str, module: ModuleType | None = None) -> Parser:
    """The parser of one command, with the common options."""
    summary = {name: words for _, group in commands() for name, words in group}[command]
    described = module or _module_of(command)
    parser = Parser(f"qianxun {command}", getattr(described, "description", lambda: "")() or _sentence(summary))
    described.arguments(parser)
    parser.shorten_usage()
    add_common(parser)
    return parser


def _sentence(summary: str) -> str:
    return summary[0].upper() + summary[1:] + say(".")


def _module_of(command: str) -> ModuleType:
    known = [name for _, group in commands() for name, _ in group]
    if command not in known:
        import difflib

        near = difflib.get_close_matches(command, known, n=1, cutoff=0.6)
        if near:
            raise InputError(
                "Unknown command {command!r}.",
                remedy="Did you mean `qianxun {near}`? `qianxun --help` lists them.",
                command=command,
                near=near[0],
            )
        raise InputError(
            "Unknown command {command!r}.",
            remedy="The commands are: {known}.",
            command=command,
            known=", ".join(known),
        )
    return importlib.import_module(f"qianxun.cli.{command.replace(' ', '_')}")


def _without_command(rest: list[str], *, asked: bool) -> int:
    parser = overview_parser()
    if not {"-h", "--help"}.isdisjoint(before_words(rest)) or not rest:
        sys.stdout.write(overview(parser))
        return 0 if rest or asked else 2
    args = parser.parsed(rest)
    if args.version:
        from qianxun.cli import version

        return version.run(Session(Settings(), kb=None, overrides=(), as_json=args.json), args)
    raise InputError("No command was given.", remedy="See `qianxun --help`.")


def overview_parser() -> Parser:
    """The parser of `qianxun` alone."""
    parser = Parser("qianxun", say("Ask your own documents; get answers whose citations are checked."))
    parser.usage = f"qianxun {say('COMMAND')} [{say('ARGUMENT')} …] [{say('OPTION')} …]"
    add_common(parser).add_argument("--version", action="store_true", help=say("show the version"))
    return parser


def overview(parser: Parser) -> str:
    """What `qianxun --help` prints: the commands in groups, then the common options."""
    head, blank, options = parser.format_help().partition(f"\n{say('options of every command')}")
    ending = say("`qianxun COMMAND --help` tells more about a command.")
    return f"{head}\n{command_list(commands())}\n{blank}{options}\n{ending}\n"


def _settings_of(arguments: list[str]) -> tuple[Settings, QianxunError | None]:
    config = values_of(arguments, "--config")
    path = Path(config[-1]).expanduser() if config else None
    try:
        return load_settings(config=path, overrides=values_of(arguments, "--set")), None
    except QianxunError as error:
        return Settings(), error
    except OSError as error:
        problem = SettingsError("{path} cannot be read: {reason}.", path=error.filename, reason=error.strerror)
        return Settings(), problem


def _language_asked(arguments: list[str]) -> str | None:
    asked = values_of(arguments, "--language")
    return asked[-1] if asked and asked[-1] in LANGUAGES else None


def _prepare_streams(as_json: bool) -> None:
    """What cannot be encoded is shown escaped instead of ending the run; JSON is UTF-8 everywhere."""
    for stream, encoding in ((sys.stdout, "utf-8" if as_json else None), (sys.stderr, None)):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding=encoding, errors="backslashreplace")


def _masked(record: logging.LogRecord) -> bool:
    """Without what is personal. Imported with the first record: most commands have none."""
    from qianxun.guarding import MaskingFilter

    return MaskingFilter().filter(record)


@contextmanager
def _logging_to(session: Session, verbose: int) -> Iterator[None]:
    logger = logging.getLogger("qianxun")
    handler = ToScreen(session.err, names=verbose > 0)
    if session.settings.guard.mask_logs:
        handler.addFilter(_masked)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _failed(shape: dict[str, dict[str, str]], words: str, code: int, as_json: bool) -> int:
    if as_json:
        json.dump(shape, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    Screen(sys.stderr).line(words)
    return code


def _unexpected(error: Exception, arguments: list[str], as_json: bool) -> int:
    if any(a == "--verbose" or (a.startswith("-v") and set(a[1:]) == {"v"}) for a in before_words(arguments)):
        import traceback

        traceback.print_exc()
    kind, message = type(error).__name__, " ".join(str(error).split())
    words = say("{kind}: {message} (run again with -v for the traceback)", kind=kind, message=message)
    return _failed({"error": {"kind": kind, "message": message, "remedy": ""}}, words, UNEXPECTED, as_json)


if __name__ == "__main__":
    sys.exit(main())
