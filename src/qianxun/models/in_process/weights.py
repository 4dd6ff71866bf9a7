"""The weights of a checkpoint by name, straight from its safetensors files, which are mapped and not read at once."""

import json
from contextlib import ExitStack
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.in_process.loading import import_torch, one_line

_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"


class Weights:
    """Hands out tensors. A name may stand in the files with `model.` before it or without."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        import_torch()
        self._folder = checkpoint.folder
        self._files: dict[str, Any] = {}
        self._opened = ExitStack()
        for name in self._file_names():
            opened = self._open(name)
            self._files |= dict.fromkeys(opened.keys(), opened)

    @staticmethod
    def are_in(checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint's weights are in files that can be read here."""
        return any((checkpoint.folder / name).is_file() for name in (_SINGLE, _INDEX))

    def has(self, name: str) -> bool:
        """Whether there is a weight of this name."""
        return name in self._files or f"model.{name}" in self._files

    def get(self, name: str, shape: tuple[int, ...]) -> Any:
        """The tensor of this name as it lies in the file. Raises SettingsError if there is none of this shape."""
        full_name = name if name in self._files else f"model.{name}"
        file = self._files.get(full_name)
        if file is None or tuple(file.get_slice(full_name).get_shape()) != shape:
            raise SettingsError(
                "{folder}: the weight {name} is missing, or its shape is not {shape}.",
                remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
                folder=self._folder,
                name=name,
                shape=" × ".join(map(str, shape)),
            )
        return file.get_tensor(full_name)

    def close(self) -> None:
        """Lets go of the files. Tensors that were handed out stay."""
        self._files.clear()
        self._opened.close()

    def _file_names(self) -> list[str]:
        if (self._folder / _SINGLE).is_file():
            return [_SINGLE]
        try:
            index = json.loads((self._folder / _INDEX).read_text(encoding="utf-8"))
            return sorted(set(index["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(_INDEX, error) from error

    def _open(self, name: str) -> Any:
        from safetensors import SafetensorError, safe_open

        try:
            return self._opened.enter_context(safe_open(self._folder / name, framework="pt"))
        except (OSError, SafetensorError) as error:
            self._opened.close()
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> SettingsError:
        return SettingsError(
            "{path} cannot be read: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            path=self._folder / name,
            reason=one_line(error),
        )
