"""`qianxun monitoring`: a Grafana dashboard, Prometheus alert rules and a scrape configuration, written to a folder."""

import argparse
from pathlib import Path

from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say(
        "Writes a dashboard for Grafana, alert rules for Prometheus and an example of what it has to read "
        "(docs/monitoring.md). Files that are there stay, unless --force is given."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `monitoring`."""
    parser.add_argument("folder", metavar="FOLDER", help=say("folder to write to; made if it is not there"))
    parser.add_argument("--force", action="store_true", help=say("write over files that are there"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Writes the files and names them."""
    from qianxun.service.monitoring import files

    folder = Path(args.folder)
    written: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files().items():
            path = folder / name
            if path.exists() and not args.force:
                raise InputError("{path} is there already.", remedy="Name another folder, or add --force.", path=path)
            path.write_text(text, encoding="utf-8")
            written.append(str(path))
    except OSError as error:
        raise InputError(
            "{path} cannot be written ({error}).",
            remedy="Name another folder.",
            path=folder,
            error=error.strerror or error,
        ) from error
    if session.as_json:
        session.print_json({"files": written, "version": version()})
    else:
        for name in written:
            session.out.line(say("Written to {path}.", path=name))
    return 0
