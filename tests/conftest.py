"""Tests cannot see the machine they run on: no settings, no home, no locale of the person at it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qianxun import messages


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("QIANXUN_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("QIANXUN_HOME", str(tmp_path_factory.mktemp("home")))
    yield
    messages.set_language("en")


@pytest.fixture
def shared_data() -> Path:
    """The development data beside the checkout; the test is skipped where it is not."""
    for place in (
        os.environ.get("QIANXUN_SHARED"),
        Path(__file__).parents[2] / "shared",
        Path(__file__).parents[1] / "shared",
    ):
        if place and (Path(place) / "data" / "dev").is_dir():
            return Path(place) / "data"
    pytest.skip("the development data (../shared/data) is not here")
