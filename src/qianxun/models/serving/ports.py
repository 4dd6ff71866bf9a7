"""Who holds a port of this machine. Knows nothing of what is served there."""

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from qianxun.errors import SettingsError

_LISTENING = "0A"


def holder_of(host: str, port: int) -> str | None:
    """What listens on a port, as "vllm (process 1234)"; None if it is free; "" if that cannot be told.

    Raises SettingsError for a host that is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # As servers do it: a connection that was just closed is no reason to refuse.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(
                    "No server can listen on {host}:{port}: {reason}.",
                    remedy="Set serve.host to an address of this machine, and a port above 1023.",
                    host=host,
                    port=port,
                    reason=error.strerror or str(error),
                ) from error
            return _process_on(port)
    return None


def _process_on(port: int) -> str:
    """The program and number of the process that listens on a port; "" where /proc does not tell."""
    sockets = {f"socket:[{inode}]" for inode, found in _listening() if found == port}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(_leads_to(link) in sockets for link in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f"{' '.join(Path(word).name for word in words[:2] if word)} (process {process.name})"
        except OSError:  # it has ended, or is another user's
            continue
    return ""


def _leads_to(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed meanwhile
        return ""


def _listening() -> Iterator[tuple[str, int]]:
    """The inode and port of every socket that listens, from /proc."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING:
                yield fields[9], int(fields[1].rpartition(":")[2], 16)
