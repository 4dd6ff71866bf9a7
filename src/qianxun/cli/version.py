"""`qianxun version`: the version, and nothing else."""

import argparse

from qianxun.cli.session import Session
from qianxun.shapes import version


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the version."""
    if session.as_json:
        session.print_json({"version": version()})
    else:
        session.out.line(f"qianxun {version()}")
    return 0
