"""`qianxun doctor`: versions, extras, paths, room and what is broken, each with its remedy.

Looks at the machine and the settings; changes nothing. Libraries are imported in a process of their
own, so one that crashes is a line here and not the end of the doctor.
"""

import argparse
import json
import locale
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qianxun import assemble
from qianxun import settings as settings_of
from qianxun.cli.info import facts_of
from qianxun.cli.init import installed_encoders
from qianxun.cli.session import Session
from qianxun.cli.words import shown_bytes
from qianxun.errors import QianxunError
from qianxun.messages import language, say
from qianxun.settings import SECTIONS_OF_MODELS, Settings, address_of, engine_of, load_settings, model_of
from qianxun.shapes import version

LIBRARIES = {
    "numpy": "numpy",
    "faiss-cpu": "faiss",
    "tantivy": "tantivy",
    "opencc": "opencc",
    "PyStemmer": "Stemmer",
    "lxml": "lxml.etree",
    "pypdfium2": "pypdfium2",
    "python-docx": "docx",
    "markdown-it-py": "markdown_it",
    "httpx": "httpx",
    "jsonschema": "jsonschema",
    "rich": "rich",
    "filelock": "filelock",
    "platformdirs": "platformdirs",
    "ir-measures": "ir_measures",
}
LEAST_FREE_BYTES = 200 * 1024 * 1024
LEAST_MEMORY_BYTES = 512 * 1024 * 1024
# This package did not exist before; a clock that says so spoils every date we write.
EARLIEST_YEAR = 2025
CONNECT_SECONDS = 2.0
_PORTS = {"http": 80, "https": 443}

_TRY_IMPORTS = """
import importlib, json, sys
problems = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        problems[name] = f"{type(error).__name__}: {error}"
print(json.dumps(problems))
"""


@dataclass
class _Findings:
    """What the doctor sees; `problems` are (what is wrong, what to do)."""

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def problem(self, what: str, remedy: str) -> None:
        self.problems.append((what, remedy))


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the findings. Exit code 1 when something is broken."""
    found = _Findings()
    _settings(found, args)
    _versions(found)
    _extras(found)
    _paths(found, session)
    _machine(found, session)
    _reachable(found, session.settings)
    _models(found, session.settings)
    if session.as_json:
        problems = [{"problem": what, "remedy": remedy} for what, remedy in found.problems]
        session.print_json({"ok": not problems, "problems": problems} | found.facts | {"version": version()})
        return 1 if problems else 0
    for title, facts in found.facts.items():
        if not facts:
            continue
        session.out.line((_title(title), "bold"))
        session.out.pairs([(f"  {name}", value) for name, value in facts_of(facts)])
    session.out.blank()
    for what, remedy in found.problems:
        session.out.line(("✗ ", "red"), what, " ", remedy)
    if not found.problems:
        session.out.line(("✓ ", "green"), say("Nothing is broken."))
    return 1 if found.problems else 0


def _title(key: str) -> str:
    titles = {
        "settings": say("Settings"),
        "versions": say("Versions"),
        "extras": say("Extras"),
        "paths": say("Paths"),
        "machine": say("Machine"),
        "reachable": say("Services"),
    }
    return titles[key]


def _settings(found: _Findings, args: argparse.Namespace) -> None:
    given = Path(args.config).expanduser() if args.config else None
    facts: dict[str, Any] = {"file": None, "environment": sorted(k for k in os.environ if k.startswith("QIANXUN_"))}
    try:
        facts["file"] = _text(settings_of.find_config(given, os.environ))
        settings = load_settings(config=given, overrides=args.overrides)
        facts |= {
            "profile": settings.profile,
            "encoder": assemble.model_name(settings.encoder),
            "reranker": assemble.name_of(settings.reranker),
            "generator": assemble.name_of(settings.generator),
            "dense": settings.index.dense,
            "lexical": settings.index.lexical,
        }
        engine = engine_of(settings.encoder)
        if engine not in installed_encoders():
            found.problem(
                say("The encoder {name} is not installed.", name=engine),
                say("Installed: {known}.", known=", ".join(installed_encoders())),
            )
        if settings.documents and not Path(settings.documents).expanduser().is_dir():
            found.problem(
                say("The setting documents names {folder}, which is not a folder.", folder=settings.documents),
                say("Make the folder, or change the setting."),
            )
    except QianxunError as error:
        found.problem(say(error.template, **error.values), say(error.remedy, **error.values) if error.remedy else "")
    except OSError as error:
        found.problem(str(error), say("Make the file readable."))
    found.facts["settings"] = facts


def _versions(found: _Findings) -> None:
    import sqlite3
    from importlib import metadata

    versions = {"qianxun": version(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    present = {}
    for package, module in LIBRARIES.items():
        try:
            versions[package] = metadata.version(package)
            present[module] = package
        except metadata.PackageNotFoundError:
            versions[package] = ""
            found.problem(
                say("{package} is not installed.", package=package),
                say("Install it: {command}", command=f"pip install {package}"),
            )
    for module, reason in _unimportable(list(present)).items():
        found.problem(
            say("{package} does not load: {reason}.", package=present.get(module, module), reason=reason.rstrip(".")),
            say("Install it anew: {command}", command=f"pip install --force-reinstall {present.get(module, module)}"),
        )
    found.facts["versions"] = versions


def _unimportable(modules: list[str]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", _TRY_IMPORTS, *modules], capture_output=True, text=True, encoding="utf-8", check=False
    )
    try:
        problems: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {", ".join(modules): f"exit code {done.returncode}"}
    return problems


def _extras(found: _Findings) -> None:
    from importlib import metadata

    about = metadata.metadata("qianxun")
    facts: dict[str, str] = {}
    for extra in about.get_all("Provides-Extra") or ():
        if extra == "test":
            continue
        needed = [r for r in metadata.requires("qianxun") or () if re.search(rf"extra == ['\"]{extra}['\"]", r)]
        missing = [r for r in needed if not _is_installed(re.split(r"[\s<>=!~;\[(]", r, maxsplit=1)[0])]
        facts[extra] = f"pip install 'qianxun[{extra}]'" if missing else say("installed")
    found.facts["extras"] = facts


def _is_installed(package: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _paths(found: _Findings, session: Session) -> None:
    directory = session.directory
    facts: dict[str, Any] = {
        "program": sys.argv[0],
        "python": sys.executable,
        "home": str(settings_of.home_directory(session.settings)),
        "knowledge_base": str(directory),
        "exists": (directory / "knowledge.db").is_file(),
    }
    if facts["exists"]:
        try:
            with session.open() as base:
                info = base.info()
            facts["bytes"] = info.get("bytes")
            facts["indexes"] = {
                name: {key: index.get(key) for key in ("chunks", "bytes", "reason")}
                for name, index in dict(info.get("indexes") or {}).items()
            }
        except QianxunError as error:
            remedy = say(error.remedy, **error.values) if error.remedy else ""
            found.problem(say(error.template, **error.values), remedy)
    there = next(p for p in (directory, *directory.parents) if p.exists())
    facts["writable"] = os.access(there, os.W_OK | os.X_OK) and there.is_dir()
    if not facts["writable"]:
        found.problem(
            say("{path} cannot be written.", path=there),
            say("Change its permissions, or choose another place with --kb or the setting home."),
        )
    free = shutil.disk_usage(there).free
    facts["free_bytes"] = free
    if free < LEAST_FREE_BYTES:
        found.problem(
            say("Only {free} are free at {path}.", free=shown_bytes(free), path=there),
            say("Make room, or choose another place with --kb or the setting home."),
        )
    found.facts["paths"] = facts


def _machine(found: _Findings, session: Session) -> None:
    total, available = _memory()
    facts: dict[str, Any] = {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "memory_bytes": total,
        "available_bytes": available,
        "locale": locale.setlocale(locale.LC_CTYPE),
        "language": language(),
        "file_names": sys.getfilesystemencoding(),
        "output": getattr(session.out.stream, "encoding", None),
        "clock": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if available is not None and available < LEAST_MEMORY_BYTES:
        found.problem(
            say("Only {free} of memory are available.", free=shown_bytes(available)),
            say("Close other programs, or lower reading.workers and reading.max_memory_mb."),
        )
    if facts["file_names"].lower().replace("-", "") != "utf8":
        found.problem(
            say("File names are read as {encoding}, so Chinese ones may be unreadable.", encoding=facts["file_names"]),
            say("Set a UTF-8 locale, such as LC_ALL=C.UTF-8, or PYTHONUTF8=1."),
        )
    if time.localtime().tm_year < EARLIEST_YEAR:
        found.problem(
            say("The clock says {clock}.", clock=facts["clock"]), say("Set the clock: dates of documents come from it.")
        )
    found.facts["machine"] = facts


def _memory() -> tuple[int | None, int | None]:
    """Total and available memory in bytes, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
        except (AttributeError, ValueError, OSError):
            return None, None
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


def _reachable(found: _Findings, settings: Settings) -> None:
    found.facts["reachable"] = {"services": say("none configured: everything runs in this process")}
    services: dict[str, str] = {}
    for name in SECTIONS_OF_MODELS:
        section = getattr(settings, name)
        address = address_of(section)
        if engine_of(section) == "http" and address:
            problem = _unreachable(address)
            services[name] = f"{address} ({problem or say('reachable')})"
            if problem:
                found.problem(
                    say(
                        "The {role} at {address} cannot be reached: {reason}.",
                        role=name,
                        address=address,
                        reason=problem,
                    ),
                    say("Start it (`qianxun models serve` starts vLLM), or mend {key}.", key=f"{name}.url"),
                )
    if services:
        found.facts["reachable"] = services


def _unreachable(address: str) -> str:
    """Why nothing can connect to an address; empty if something can."""
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORTS[parts.scheme]), CONNECT_SECONDS):
            return ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)


def _models(found: _Findings, settings: Settings) -> None:
    """What models in this process lack."""
    from importlib.util import find_spec

    from qianxun.models.checkpoint import find_checkpoint

    for name in SECTIONS_OF_MODELS:
        section = getattr(settings, name)
        if engine_of(section) != "transformers":
            continue
        if find_spec("torch") is None or find_spec("transformers") is None:
            found.problem(
                say("The {role} runs in this process, which needs torch and transformers.", role=name),
                say("Install it: {command}", command="pip install 'qianxun[qwen]'"),
            )
        if find_checkpoint(model_of(section), section.revision, settings_of.models_directory(settings)) is None:
            found.problem(
                say("The {role}'s model {model} is not on this machine.", role=name, model=model_of(section)),
                say("Get it: {command}", command=f"qianxun models pull {model_of(section)}"),
            )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
