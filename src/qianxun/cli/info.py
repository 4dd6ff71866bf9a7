"""`qianxun info`: what is in the knowledge base, which models made it, and what is in force."""

import argparse
import re
from collections.abc import Mapping
from typing import Any

from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, say_if_other_encoder
from qianxun.cli.words import shown_bytes, shown_seconds
from qianxun.messages import say
from qianxun.reasons import reason_in_words
from qianxun.shapes import info_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the facts."""
    with session.open() as base:
        info = base.info()
        say_if_other_encoder(session, base)
    if session.as_json:
        session.print_json(info_shape(info))
    else:
        session.out.pairs(facts_of(info_shape(info)))
    return 0


def facts_of(facts: Mapping[str, Any]) -> list[tuple[str, Piece]]:
    """Facts as names and values in the reader's language; `facts` are those of the JSON.

    Facts within a fact are one row (`documents: ready 30, failed 1`), or one for each index.
    """
    rows: list[tuple[str, Piece]] = []
    for key, value in facts.items():
        if key == "indexes" and isinstance(value, Mapping):
            rows += [(say("index {name}", name=name), _together(index)) for name, index in value.items()]
        elif key == "query_cache":
            if value:
                rows.append((say("cached questions"), _cache_in_words(value)))
        elif key == "adapter" and isinstance(value, Mapping):
            rows.append((name_of_fact(key), _adapter_in_words(value)))
        elif isinstance(value, Mapping):
            rows.append((name_of_fact(key), _together(value)))
        else:
            rows.append((name_of_fact(key), _in_words(key, value)))
    return rows


def name_of_fact(key: str) -> str:
    """What a key of the JSON is called for people; names of packages and the like as they are."""
    names = {
        "adapter": say("query adapter"),
        "available_bytes": say("free memory"),
        "bytes": say("size"),
        "bytes_after": say("size after"),
        "bytes_before": say("size before"),
        "chunks": say("chunks"),
        "clock": say("clock"),
        "dense": say("dense index"),
        "dim": say("dimensions"),
        "directory": say("folder"),
        "documents": say("documents"),
        "empty": say("without text"),
        "encoder": say("encoder"),
        "enriched": say("enriched chunks"),
        "enrichment": say("enrichment"),
        "environment": say("variables set"),
        "exists": say("it exists"),
        "failed": say("failed"),
        "file": say("settings file"),
        "file_names": say("file names in"),
        "fingerprint": say("fingerprint"),
        "free_bytes": say("free disk"),
        "generator": say("language model"),
        "home": say("home folder"),
        "knowledge_base": say("knowledge base"),
        "language": say("language"),
        "lexical": say("lexical index"),
        "locale": say("locale"),
        "maker": say("made by"),
        "memory_bytes": say("memory"),
        "model": say("model"),
        "name": say("name"),
        "needs attention": say("needs attention"),
        "output": say("output in"),
        "problem": say("problem"),
        "processors": say("processors"),
        "program": say("program"),
        "python": "Python",
        "ready": say("ready"),
        "reset": say("begun anew"),
        "revision": say("revision"),
        "services": say("model services"),
        "system": say("system"),
        "unfinished": say("interrupted"),
        "vain": say("nothing of use written about"),
        "vectors": say("vectors"),
        "vectors_made": say("new vectors"),
        "vectors_removed": say("vectors removed"),
        "version": say("version"),
        "waiting": say("not yet enriched"),
        "writable": say("it can be written"),
    }
    return names.get(key, key)


def _together(facts: Mapping[str, Any]) -> str:
    """Facts in one line: `chunks 4, revision 3, size 2.0 KB`; what is empty is left out."""
    said = [
        _in_words(key, value) if key == "reason" else f"{name_of_fact(key)} {_in_words(key, value)}"
        for key, value in facts.items()
        if value not in (None, "", [])
    ]
    return say(", ").join(said) or say("none")


def _cache_in_words(caches: Mapping[str, Mapping[str, int]]) -> str:
    """Hits and misses of each cache: `redis 7 of 9 found`."""
    return say(", ").join(
        say("{cache} {hits} of {n} found", cache=name, hits=counts["hits"], n=counts["hits"] + counts["misses"])
        for name, counts in caches.items()
    )


def _adapter_in_words(facts: Mapping[str, Any]) -> str:
    """The query adapter in one line: what it gained where it was measured, or why it is not in force."""
    if "fingerprint" not in facts:
        return reason_in_words(str(facts["problem"]))
    said = []
    if not facts["in_force"]:
        said.append(say("not in force: made for another encoder ({fingerprint})", fingerprint=facts["fingerprint"]))
    if "measure" in facts:
        said.append(
            say(
                "{measure} {before} → {after} ({n} questions held back, {made})",
                measure=facts["measure"],
                before=f"{facts['before']:.4f}",
                after=f"{facts['after']:.4f}",
                n=f"{facts['held_back']:,}",
                made=facts["made"],
            )
        )
    if facts.get("gone"):
        said.append(
            say(
                "{gone} of the {n} documents that it learned from are gone: `qianxun compact` will remove it",
                gone=f"{facts['gone']:,}",
                n=f"{facts['documents']:,}",
            )
        )
    return say("; ").join(said)


def _in_words(key: str, value: Any) -> str:
    if value is None or value == "" or value == [] or value == ():
        return say("none: answers are quotations") if key == "generator" else say("none")
    if isinstance(value, list | tuple):
        return say(", ").join(str(item) for item in value)
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if "bytes" in key and isinstance(value, int | float):
        return shown_bytes(value)
    if "seconds" in key and isinstance(value, int | float):
        return shown_seconds(value)
    if key == "reason":
        return _reason_in_words(str(value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _reason_in_words(reason: str) -> str:
    """Which way an index searches, which it says in English."""
    exact = re.fullmatch(r"exact: (\d+) chunks, index\.exact_up_to is (\d+)", reason)
    if exact:
        return say("exact, up to {limit} chunks (index.exact_up_to)", limit=f"{int(exact[2]):,}")
    coded = re.fullmatch(r"1-bit codes for (\d+) of (\d+) chunks, more than index\.exact_up_to (\d+);.*", reason)
    if coded:
        return say("approximate, above {limit} chunks (index.exact_up_to)", limit=f"{int(coded[3]):,}")
    return reason
