"""What is installed: the tables agree with pyproject.toml, the licences are permissive, the base is light."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun import assemble
from qianxun.documents import registry

ROOT = Path(__file__).parents[1]
# Every licence found among the dependencies, as their metadata write it. A new one is looked at by a person.
PERMISSIVE = re.compile(
    r"^(MIT|BSD|3-Clause BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|The Unlicense|MPL-2\.0|0BSD|Zlib|CC0)",
    re.IGNORECASE,
)
HEAVY = {"torch", "scipy", "sympy", "pandas", "transformers", "numba", "pymilvus", "redis", "chainlit"}


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def needed(name: str, found: dict[str, importlib.metadata.Distribution]) -> None:
    """The distribution and what it requires without extras, into `found`."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    distribution = importlib.metadata.distribution(name)
    found[key] = distribution
    for line in distribution.requires or []:
        requirement, _, marker = line.partition(";")
        if (
            "extra" in marker
            or ("python_version" in marker and "<" in marker)
            or "win32" in marker
            or "Windows" in marker
        ):
            continue
        match = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
        assert match is not None
        needed(match.group(), found)


@pytest.fixture(scope="module")
def base(project: Any) -> dict[str, importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    for line in project["dependencies"]:
        match = re.match(r"[A-Za-z0-9._-]+", line)
        assert match is not None
        needed(match.group(), found)
    return found


def test_version_is_the_same_everywhere(project: Any) -> None:
    assert project["version"] == qianxun.__version__
    assert qianxun.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") or "[Unreleased]" in (
        ROOT / "CHANGELOG.md"
    ).read_text(encoding="utf-8")


def test_built_in_tables_are_the_registered_entry_points(project: Any) -> None:
    points = project["entry-points"]
    for kind, table in assemble.BUILT_IN.items():
        assert points[f"qianxun.{kind}"] == table
    loaders = {target.partition(":")[2] for target in points["qianxun.loaders"].values()}
    assert loaders == {target.partition(":")[2] for target in registry.BUILT_IN.values()}


def test_every_dependency_is_permissively_licensed(base: dict[str, importlib.metadata.Distribution]) -> None:
    for name, distribution in base.items():
        meta = distribution.metadata
        words = [meta.get("License-Expression") or "", (meta.get("License") or "").splitlines()[0:1]]
        stated = [words[0], *(words[1] or [])]
        stated += [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
        assert any(PERMISSIVE.match(text.strip()) for text in stated if text), (name, stated)
        assert not any(re.search(r"\b(A?GPL|LGPL)", text) for text in stated), (name, stated)


def test_the_base_has_nothing_heavy(base: dict[str, importlib.metadata.Distribution]) -> None:
    assert not HEAVY & base.keys()


def test_importing_the_package_imports_no_library() -> None:
    code = "import sys, qianxun; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    foreign = set(loaded) & {
        "numpy",
        "faiss",
        "onnxruntime",
        "tantivy",
        "rich",
        "lxml",
        "opencc",
        "Stemmer",
        "docx",
        "filelock",
        "asyncio",
    }
    assert foreign == set()


def test_every_public_name_can_be_had() -> None:
    for name in qianxun.__all__:
        assert getattr(qianxun, name) is not None
    with pytest.raises(AttributeError):
        _ = qianxun.nonsense
