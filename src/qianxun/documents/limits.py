"""What a process that reads strange files may take of the machine."""

import contextlib
import os
import sys
from pathlib import Path


def used_bytes() -> int:
    """What RLIMIT_DATA counts, where the system tells; else 0."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def limit_memory(limit: int) -> None:
    """No more than so many bytes for this process, and no file of its memory when it crashes; nothing on Windows."""
    if sys.platform == "win32":
        return
    import resource

    # RLIMIT_DATA counts what is written to, not what is merely mapped; Linux counts all private memory by it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_writing(limit: int) -> None:
    """No file of this process gets longer than so many bytes; nothing on Windows."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
