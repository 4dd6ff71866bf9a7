"""`qianxun generate`: what the generator in force writes for a prompt."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from qianxun.cli.search import text_of
from qianxun.cli.session import Session
from qianxun.errors import InputError, SettingsError
from qianxun.messages import say
from qianxun.protocols import Generator, Message, Sampling
from qianxun.shapes import generation_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Gives a prompt to the generator of the settings and prints what it writes. For looking at a model: --set "
        "generator.model=NAME, FOLDER or URL. No documents are read: `qianxun ask` does that."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `generate`."""
    parser.add_argument("prompt", metavar="PROMPT", nargs="*", help=say("the prompt; none, or -: standard input"))
    parser.add_argument("--system", metavar="TEXT", help=say("a system message before it"))
    parser.add_argument("--schema", metavar="FILE", help=say("a JSON schema that the answer must fit"))
    parser.add_argument("--max-tokens", metavar="N", type=int, help=say("longest answer in tokens"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Streams the text, or prints it whole as JSON."""
    from qianxun import assemble

    prompt = text_of(args.prompt or ["-"])
    if not prompt.strip():
        raise InputError("The prompt is empty.", remedy="Write what the model is to answer.")
    section = session.settings.generator
    schema = _schema(args.schema)
    generator = assemble.generator(session.settings)
    if generator is None:
        raise SettingsError("No generator is set.", remedy="Set generator.model to a name, a folder or a URL.")
    turns = [*([Message("system", args.system)] if args.system else []), Message("user", prompt)]
    sampling = Sampling(
        max_tokens=args.max_tokens or section.max_tokens, temperature=section.temperature, top_p=section.top_p
    )
    try:
        found = asyncio.run(_written(session, generator, turns, schema, sampling))
        facts = {"name": assemble.model_name(section), "served_by": assemble.served_by(generator)}
    finally:
        assemble.close(generator)
    if session.as_json:
        value = json.loads(found["text"]) if schema is not None else None
        session.print_json(generation_shape(facts, found, value))
    else:
        sys.stdout.write("\n")
        read, written = found["usage"]
        session.note(
            say(
                "{name}, {served_by}: {read} tokens read, {written} written, ended by {reason}",
                **facts,
                read=read,
                written=written,
                reason=found["finish_reason"],
            )
        )
    return 0


async def _written(
    session: Session, generator: Generator, turns: list[Message], schema: dict[str, Any] | None, sampling: Sampling
) -> dict[str, Any]:
    parts: list[str] = []
    reason, usage = "", (0, 0)
    async for delta in generator.stream(turns, schema=schema, sampling=sampling):
        parts.append(delta.text)
        reason, usage = delta.finish_reason or reason, delta.usage or usage
        if delta.text and not session.as_json:
            sys.stdout.write(delta.text)
            sys.stdout.flush()
    return {"text": "".join(parts), "finish_reason": reason, "usage": usage}


def _schema(name: str | None) -> dict[str, Any] | None:
    if name is None:
        return None
    from qianxun.extraction.schema import schema_of_file

    return schema_of_file(Path(name).expanduser())
