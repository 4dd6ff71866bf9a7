"""`qianxun models list`: the models on this machine and those that the settings name."""

import argparse

from qianxun.cli.session import Session
from qianxun.cli.words import shown_bytes, shown_source
from qianxun.messages import say
from qianxun.shapes import models_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints a line for each model, those in use first."""
    from qianxun.models.getting.inventory import list_models

    models = list_models(session.settings)
    if session.as_json:
        session.print_json(models_shape(models))
        return 0
    rows = [
        [
            model.name,
            model.kind or "",
            say(", ").join(model.used_for),
            model.where,
            shown_bytes(model.bytes) if model.bytes else "",
            model.revision[:12],
            model.url or (shown_source(str(model.folder)) if model.folder else ""),
        ]
        for model in models
    ]
    heads = [say("model"), say("kind"), say("used for"), say("found"), say("size"), say("revision"), say("where")]
    session.out.table(heads, rows, right=[4], elided=[6])
    for model in models:
        if model.where == "missing":
            session.note(
                say("{model} is not on this machine: `qianxun models pull {model}` brings it.", model=model.name)
            )
    return 0
