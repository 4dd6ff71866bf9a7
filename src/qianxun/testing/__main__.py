"""`python -m qianxun.testing --script FILE.json`: the scripted server for tests in any language."""

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from qianxun.cli.arguments import Parser
from qianxun.errors import QianxunError
from qianxun.messages import language_of_locale, say, set_language
from qianxun.testing.reply import read_script
from qianxun.testing.server import ScriptedServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is interrupted. The one line that it writes is its address."""
    set_language(language_of_locale())
    over = threading.Event()
    try:
        given = _parser().parsed(sys.argv[1:] if arguments is None else arguments)
        script = read_script(given.script) if given.script else None
        server = ScriptedServer(
            script, model=given.model, key=given.key, repeats=given.repeat, host=given.host, port=given.port
        )
        with server:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: over.set())
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            over.wait()
    except QianxunError as error:
        sys.stderr.write(f"{error.in_words()}\n")
        return error.exit_code
    return 0


def _parser() -> Parser:
    parser = Parser("python -m qianxun.testing", say("Serve OpenAI's chat endpoint by a script, for tests."))
    parser.add_argument("--help", "-h", action="help", help=say("show this help"))
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help=say("a file of JSON with a list of replies; without it, an echo")
    )
    parser.add_argument("--repeat", action="store_true", help=say("begin again when all replies have been given"))
    parser.add_argument("--model", default="scripted", metavar="NAME", help=say("the model that is listed"))
    parser.add_argument("--key", default="", metavar="KEY", help=say("a key that requests must show"))
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=say("where to listen"))
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help=say("the port; 0, the default, is any that is free")
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
