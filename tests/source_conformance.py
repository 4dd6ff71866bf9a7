"""What every `Source` must do. Subclass `SourceConformance` in a test module, and pytest runs it.

class TestMine(SourceConformance):
    @pytest.fixture
    def place(self, tmp_path): ...  # a `Place`: a server or folder that the test can write to

A `Place` has an empty collection at first; `put` and `delete` change it behind the source's back.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

import qianxun
from qianxun.errors import SourceError
from qianxun.protocols import Listed, Source, Unlisted

TEXTS = {
    "年假.txt": "年假：每位員工每年享有五天帶薪年假，須提前兩週申請。".encode(),
    "expenses.md": "# Expenses\n\nTravel is refunded within ３０ days（三十天内）.\n".encode(),
    "人事/薪酬 说明（２０２５）.txt": "工程师三级的月薪为２８０００元。".encode("gb18030"),
    "deep/er/a+b & c#1.txt": b"Odd names are names.",
    "leer.txt": b"",
}


class Place(Protocol):
    """Where a source's documents lie, for the test to change."""

    def source(self) -> Source:
        """A new source of this place, as `open_source` makes it."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Makes or replaces a document; `name` may have folders."""
        ...

    def delete(self, name: str) -> None:
        """Takes a document away."""
        ...


def listed(source: Source) -> dict[str, Listed]:
    """What is there, by uri. Fails for what could not be looked into, and for what comes twice."""
    found = list(source.list())
    assert [one for one in found if isinstance(one, Unlisted)] == []
    by_uri = {one.uri: one for one in found if isinstance(one, Listed)}
    assert len(by_uri) == len(found), "a document is listed twice"
    return by_uri


def listed_now(place: Place) -> dict[str, Listed]:
    """What a new source of this place lists; it is closed again."""
    source = place.source()
    try:
        return listed(source)
    finally:
        source.close()


def uri_of(found: dict[str, Listed], name: str) -> str:
    """The uri of the document that was put under a name: a source may write names in its own way."""
    from urllib.parse import unquote

    fits = [uri for uri in found if unquote(uri).endswith(name)]
    assert len(fits) == 1, (name, list(found))
    return fits[0]


class SourceConformance:
    """`names` are those of TEXTS that this kind of place can hold; `exact_uris` False where a uri is not the name."""

    names: tuple[str, ...] = tuple(TEXTS)

    def fill(self, place: Place) -> None:
        """Puts everything there that this kind of place can hold."""
        for name in self.names:
            place.put(name, TEXTS[name])

    def uri(self, found: dict[str, Listed], name: str) -> str:
        """The uri of the document that was put under this name; a source without names overrides it."""
        return uri_of(found, name)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where `open` may write."""
        path = tmp_path / "opened"
        path.mkdir()
        return path

    def test_everything_is_listed_once_and_its_bytes_are_its_own(self, place: Place, folder: Path) -> None:
        self.fill(place)
        source = place.source()
        found = listed(source)
        assert len(found) == len(self.names)
        for name in self.names:
            file = source.open(self.uri(found, name), folder)
            assert file.read() == TEXTS[name]
            assert file.size == len(TEXTS[name])
            assert file.path is not None
            assert file.suffix == Path(name).suffix
        source.close()

    def test_the_same_again_has_the_same_versions(self, place: Place) -> None:
        self.fill(place)
        first, second = listed_now(place), listed_now(place)
        assert {uri: one.version for uri, one in first.items()} == {uri: one.version for uri, one in second.items()}

    def test_a_change_changes_one_version(self, place: Place, folder: Path) -> None:
        self.fill(place)
        before = listed_now(place)
        place.put(self.names[0], "年假改为六天。".encode())
        source = place.source()
        after = listed(source)
        changed = self.uri(after, self.names[0])
        for uri, one in after.items():
            if uri != changed and uri in before:
                assert one.version == before[uri].version
        assert source.open(changed, folder).read() == "年假改为六天。".encode()
        # An empty version says that only reading tells.
        if changed in before:
            assert after[changed].version != before[changed].version or not after[changed].version
        source.close()

    def test_what_is_deleted_is_listed_no_more(self, place: Place) -> None:
        self.fill(place)
        before = listed_now(place)
        gone = self.uri(before, self.names[1])
        place.delete(self.names[1])
        source = place.source()
        assert set(listed(source)) == set(before) - {gone}
        assert source.holds(gone), "what is gone must be known as one of its own"
        source.close()

    def test_an_empty_place_is_empty(self, place: Place) -> None:
        source = place.source()
        assert listed(source) == {}
        source.close()

    def test_it_holds_what_it_lists_and_nothing_else(self, place: Place) -> None:
        self.fill(place)
        source = place.source()
        assert all(source.holds(uri) for uri in listed(source))
        for foreign in ("/etc/hosts", "https://elsewhere.invalid/年假.txt", "年假.txt", ""):
            assert not source.holds(foreign)
        source.close()

    def test_several_threads_may_open(self, place: Place, folder: Path) -> None:
        self.fill(place)
        source = place.source()
        found = listed(source)
        uris = [self.uri(found, name) for name in self.names] * 4
        with ThreadPoolExecutor(8) as threads:
            read = list(threads.map(lambda uri: source.open(uri, folder).read(), uris))
        assert read == [TEXTS[name] for name in self.names] * 4
        source.close()

    def test_what_vanished_after_the_listing_is_one_clear_line(self, place: Place, folder: Path) -> None:
        self.fill(place)
        source = place.source()
        uri = self.uri(listed(source), self.names[0])
        place.delete(self.names[0])
        data, said = b"", ""
        try:
            data = source.open(uri, folder).read()
        except (SourceError, OSError) as error:
            said = str(error)
        # What was fetched for the listing may be handed out still.
        assert data == TEXTS[self.names[0]] or said
        assert "\n" not in said
        source.close()

    def test_what_comes_changes_and_goes_does_so_in_a_knowledge_base(self, place: Place, tmp_path: Path) -> None:
        self.fill(place)
        gone = self.uri(listed_now(place), self.names[0])
        with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:

            def synced() -> tuple[int, int, int]:
                source = place.source()
                try:
                    report = kb.add([source], sync=True)
                finally:
                    source.close()
                assert report.failed == []
                return report.added, report.replaced, report.removed

            def found() -> set[str]:
                return {passage.source for passage in kb.search(TEXTS[self.names[0]].decode("utf-8")).passages}

            assert synced()[0] >= 1
            known = {document.source for document in kb.documents()}
            assert gone in known & found()
            assert synced() == (0, 0, 0)
            place.delete(self.names[0])
            assert synced() == (0, 0, 1)
            assert {document.source for document in kb.documents()} == known - {gone}
            assert gone not in found()
            place.put(self.names[0], TEXTS[self.names[0]])
            assert synced()[0] == 1

    def test_close_twice_is_no_error(self, place: Place) -> None:
        source = place.source()
        list(source.list())
        source.close()
        source.close()
