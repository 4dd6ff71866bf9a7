"""The adapter's file: whole or not at all, noticed at the next look, never trusted blindly."""

import io
import json
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qianxun.errors import Damaged, StorageError
from qianxun.retrieval.adapt import Adapter, InForce
from qianxun.storage.adapter import FILE_NAME, AdapterFile


def adapter(size: float = 1.0, *, fingerprint: str = "hash-1", dim: int = 3) -> Adapter:
    change = np.full((dim, dim), size, dtype=np.float32)
    return Adapter(fingerprint, "2026-01-01T00:00:00Z", change, (3, 5), {"before": 0.5, "measure": "nDCG@10"})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = AdapterFile(tmp_path)
    assert file.read() is None
    assert file.in_force("hash-1", 3) == InForce(None, "")
    file.write(adapter(0.25))
    read = file.read()
    assert read is not None
    assert (read.fingerprint, read.made, read.documents) == ("hash-1", "2026-01-01T00:00:00Z", (3, 5))
    assert read.facts == {"before": 0.5, "measure": "nDCG@10"}
    assert read.change.tolist() == [[0.25] * 3] * 3
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_who_looks_again_sees_what_another_process_wrote_or_removed(tmp_path: Path) -> None:
    reader, writer = AdapterFile(tmp_path), AdapterFile(tmp_path)
    assert reader.in_force("hash-1", 3).adapter is None
    writer.write(adapter(1.0))
    first = reader.in_force("hash-1", 3).adapter
    assert first is not None
    assert reader.in_force("hash-1", 3).adapter is first  # not read again
    writer.write(adapter(2.0))
    second = reader.in_force("hash-1", 3).adapter
    assert second is not None
    assert second.change[0, 0] == 2.0
    assert writer.remove()
    assert reader.in_force("hash-1", 3) == InForce(None, "")
    assert not writer.remove()


@pytest.mark.parametrize("fingerprint, dim", [("hash-2", 3), ("hash-1", 4)])
def test_adapter_of_another_encoder_is_not_applied_and_says_so(tmp_path: Path, fingerprint: str, dim: int) -> None:
    file = AdapterFile(tmp_path)
    file.write(adapter())
    assert file.in_force(fingerprint, dim) == InForce(None, "query adapter: made for another encoder (hash-1)")
    assert file.in_force("hash-1", 3).adapter is not None


def packed(**changes: Any) -> bytes:
    about = {"format": 1, "fingerprint": "hash-1", "made": "", "facts": {}} | changes.pop("about", {})
    arrays = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "change": np.zeros((3, 3), np.float32),
        "documents": np.zeros(0, np.int64),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **{name: value for name, value in (arrays | changes).items() if value is not None})
    return buffer.getvalue()


def flipped(data: bytes) -> bytes:
    """A byte of the map itself, changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        place = file.getinfo("change.npy").header_offset + 200
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        packed()[:-30],
        flipped(packed()),
        packed(change=None),
        packed(change=np.full((3, 3), np.nan, np.float32)),
        packed(change=np.zeros((3, 3), np.float64)),
        packed(change=np.array([{"a": 1}], dtype=object)),
        packed(about={"format": 2}),
        packed(about={"facts": 7}),
        packed(documents=None),
    ],
)
def test_damaged_file_is_not_applied_and_named(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(data)
    file = AdapterFile(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert file.in_force("hash-1", 3) == InForce(None, "query adapter: adapter.npz is damaged")
    assert "qianxun adapt --remove" in caplog.text
    with pytest.raises(Damaged, match=r"adapter\.npz"):
        file.read()
    assert file.remove_unless(lambda _: True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    file = AdapterFile(tmp_path)
    file.write(adapter(1.0))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), killed)
        with pytest.raises(Killed):
            file.write(adapter(2.0))
    found = AdapterFile(tmp_path).in_force("hash-1", 3).adapter
    assert found is not None
    assert found.change[0, 0] == 1.0
    assert len(list(tmp_path.iterdir())) == 2  # what a crash leaves …
    assert not file.remove_unless(lambda _: True)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]  # … goes with `compact`


def test_a_full_disk_is_one_clear_line_and_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AdapterFile(tmp_path)
    file.write(adapter(1.0))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"adapter.npz cannot be written \(No space left on device\)\. Check"):
        file.write(adapter(2.0))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    read = file.read()
    assert read is not None
    assert read.change[0, 0] == 1.0


def test_only_what_is_not_good_is_removed(tmp_path: Path) -> None:
    file = AdapterFile(tmp_path)
    assert not file.remove_unless(lambda _: False)
    file.write(adapter())
    assert not file.remove_unless(lambda found: found.documents == (3, 5))
    assert file.read() is not None
    assert file.remove_unless(lambda found: found.documents == (3,))
    assert file.read() is None
