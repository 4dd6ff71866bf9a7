"""A device whose memory does not suffice, in words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

from qianxun.errors import ModelUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

# What torch says on a processor, where it has no error of its own for it.
_ON_A_PROCESSOR = ("can't allocate memory", "not enough memory")


@contextmanager
def memory_of(role: Literal["encoder", "reranker", "generator"], model: str, device: str) -> Iterator[None]:
    """What is computed within needs room on a device. Raises ModelUnavailable if there is none."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        raise ModelUnavailable(
            "The memory of {device} does not suffice for {model}.",
            remedy="Run `qianxun models plan`; a smaller model, shorter texts or {role}.device cpu need less.",
            device=device,
            model=model,
            role=role,
        ) from error


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that there was no memory."""
    # torch.OutOfMemoryError is a RuntimeError; its name spares importing torch here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ON_A_PROCESSOR)


def in_halves(
    compute: Callable[[Sequence[Item]], Result], items: Sequence[Item], on_shortage: Callable[[], None]
) -> list[Result]:
    """What `compute` gives for the items, in one piece, or in as few as the memory suffices for.

    `on_shortage` is called each time it did not. Raises what `compute` raises for one item.
    """
    try:
        return [compute(items)]
    except (MemoryError, RuntimeError) as error:
        if len(items) == 1 or not is_shortage(error):
            raise
    # Not within the handler: the error keeps alive what its frames hold, and that is the memory needed now.
    on_shortage()
    middle = (len(items) + 1) // 2
    first = in_halves(compute, items[:middle], on_shortage)
    return first + in_halves(compute, items[middle:], on_shortage)
