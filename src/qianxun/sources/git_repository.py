"""The git program, for one commit of one repository: read only, bounded, and every failure as one line.

The repository may be hostile: nothing of it is checked out or run, no submodule is followed, only the one protocol
is spoken, and what a name begins with never makes it an option. The user's own configuration is not read either, so
that a sync does the same for everybody.
"""

import base64
import contextlib
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from qianxun.errors import SourceError
from qianxun.settings import Settings
from qianxun.sources.credentials import Credentials
from qianxun.sources.places import one_line
from qianxun.sources.private import PrivateFolder
from qianxun.sources.receiving import PIECE_BYTES, too_slow

logger = logging.getLogger(__name__)

# Configuration in environment variables and fetching of named objects.
OLDEST: Final = (2, 31)
_FIRST_WAIT_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 60.0
_FILE: Final = re.compile(rb"(100644|100755|100664) blob ([0-9a-f]+)\t(.+)", re.DOTALL)
_OPTIONS: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
    ("fetch.negotiationAlgorithm", "noop"),
    ("protocol.version", "2"),
    ("protocol.allow", "never"),
    ("http.lowSpeedLimit", "1"),
)
_KEPT_VARIABLES: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|SYSTEMROOT|SSH_AUTH_SOCK|SSH_AGENT_PID|SSL_CERT_\w+|GIT_SSL_CAINFO|GIT_SSL_CAPATH"
    r"|GIT_SSH|GIT_SSH_COMMAND|GIT_EXEC_PATH|(https?|all|no)_proxy",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|access denied",
    re.IGNORECASE,
)
_UNREACHABLE: Final = re.compile(
    r"Could not resolve|Failed to connect|Couldn't connect|Connection (refused|reset|timed out|closed)|timed out"
    r"|Network is unreachable|No route to host|SSL|certificate|too slow|early EOF|hung up"
    r"|returned error: (429|5\d\d)",
    re.IGNORECASE,
)
_NO_REPOSITORY: Final = re.compile(
    r"not found|does not appear to be a git repository|does not exist|returned error: 404|No such file", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: its path, readable, and the name of its contents."""

    path: str
    blob: str


class Repository:
    """A repository at a URL that git understands; `address` is what people call it.

    What is fetched lies in a private folder until `close`. One fetch at a time; `pieces` for several threads at once.
    """

    def __init__(
        self,
        *,
        url: str,
        address: str,
        scheme: str,
        settings: Settings,
        credentials: Credentials | None,
        wait: Callable[[float], object],
    ) -> None:
        self._program = _program()
        self._url = url
        self._address = address
        self._settings = settings
        self._wait = wait
        self._environment = _environment(url, scheme, settings, credentials)
        self._folder: PrivateFolder | None = None
        self._here: set[str] = set()
        self._readers: list[subprocess.Popen[bytes]] = []
        self._guard = threading.Lock()

    def commit_of(self, ref: str) -> str | None:
        """The commit that a branch, else a tag, points to; of the default branch if `ref` is empty.

        None if the repository has no commit yet. Raises SourceError if it has no such branch or tag.
        """
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"] if ref else ["HEAD"]
        answer = self._heard(["ls-remote", "--quiet", "--", self._url, *names]).decode("utf-8", "backslashreplace")
        found = {name: commit for commit, _, name in (line.partition("\t") for line in answer.splitlines())}
        commit = next((found[name] for name in names if name in found), None)
        if commit is None and not ref:
            heads = self._heard(["ls-remote", "--quiet", "--heads", "--", self._url])
            branches = heads.decode("utf-8", "backslashreplace").split()[1::2]
            if branches:
                raise SourceError(
                    "{address} has no branch that goes without saying.",
                    remedy="Name one as in repository.git@main; it has: {branches}.",
                    address=self._address,
                    branches=", ".join(name.removeprefix("refs/heads/") for name in branches[:20]),
                )
        elif commit is None:
            raise SourceError(
                "{address}: there is no branch or tag {ref!r}.",
                remedy="Check its spelling; a commit is named by all of its 40 characters.",
                address=self._address,
                ref=ref,
            )
        return commit

    def files_of(self, commit: str, folder: str) -> Sequence[Entry]:
        """The files at or below a folder of a commit, sorted by path. Raises SourceError if there is none such."""
        self.close()
        self._folder = PrivateFolder(self._settings, "git")
        self._said(["init", "--bare", "--quiet", "--template=", "."])
        self._said(["config", "remote.origin.url", self._url])
        self._fetched([commit], ["--depth=1"])
        # Servers that cannot leave out the contents have sent all of them.
        objects = self._said(["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"])
        self._here = {line.removeprefix("blob ") for line in objects.splitlines() if line.startswith("blob ")}
        found = [*self._entries(commit)]
        if folder and not any(one.path == folder or one.path.startswith(f"{folder}/") for one in found):
            raise SourceError(
                "{address}: there is no folder or file {folder} in commit {commit}.",
                remedy="Check its spelling.",
                address=self._address,
                folder=folder,
                commit=commit[:12],
            )
        return found

    def has(self, blob: str) -> bool:
        """Whether the contents are here."""
        return blob in self._here

    def fetch(self, blobs: Sequence[str]) -> None:
        """Brings these contents here. Raises SourceError."""
        self._fetched(blobs, [])
        self._here.update(blobs)

    def pieces(self, blob: str) -> Iterator[bytes]:
        """Contents that are here. Raises SourceError if they are not, after all."""
        with self._guard:
            reader = self._readers.pop() if self._readers else None
        process = reader or self._started(["cat-file", "--batch"], subprocess.DEVNULL)
        is_whole = False
        try:
            yield from self._read(process, blob)
            is_whole = True
        finally:
            with self._guard:
                is_kept = is_whole and self._folder is not None
                self._readers += [process] if is_kept else []
            if not is_kept:
                _end(process)

    def close(self) -> None:
        """Removes what was fetched."""
        with self._guard:
            folder, self._folder = self._folder, None
            readers, self._readers = self._readers, []
            self._here = set()
        for process in readers:
            _end(process)
        if folder is not None:
            folder.close()

    def _read(self, process: "subprocess.Popen[bytes]", blob: str) -> Iterator[bytes]:
        """The contents from a program that gives those it is asked for, one after the other."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{blob}\n".encode("ascii"))
            process.stdin.flush()
            head = process.stdout.readline().split()
        except OSError:
            head = []
        left = int(head[2]) + 1 if len(head) == 3 and head[1] == b"blob" else 0  # with the line's end behind it
        while left > 1 and (piece := process.stdout.read(min(left - 1, PIECE_BYTES))):
            left -= len(piece)
            yield piece
        if left != 1 or process.stdout.read(1) != b"\n":
            raise SourceError(
                "{address}: {blob} was not sent.", remedy="Try again.", address=self._address, blob=blob[:12]
            )

    def _entries(self, commit: str) -> Iterable[Entry]:
        listing = self._run(["ls-tree", "-r", "-z", "--full-tree", commit, "--"])
        for line in listing.split(b"\0"):
            match = _FILE.fullmatch(line)
            if match is not None:  # else a symbolic link or a submodule
                yield Entry(_readable(match[3]), match[2].decode("ascii"))

    def _fetched(self, objects: Sequence[str], options: Sequence[str]) -> None:
        arguments = ["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin"]
        names = "".join(f"{name}\n" for name in objects).encode("ascii")
        self._heard(["fetch", "--quiet", *options, *arguments, "origin"], names)

    def _said(self, arguments: Sequence[str]) -> str:
        return self._run(arguments).decode("utf-8", "backslashreplace")

    def _heard(self, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
        """What git writes that talks to the other side: tried again, ever longer apart, while that is not there."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._run(arguments, stdin)
            except SourceError as error:
                if tries > self._settings.sources.retries or not error.values.get("may_pass"):
                    raise
            seconds = min(_FIRST_WAIT_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0), _MAX_WAIT_SECONDS)
            logger.info("%s: not there, try %d; next in %.1f s", self._address, tries, seconds)
            self._wait(seconds)

    def _run(self, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
        """What git writes. Raises SourceError if it fails or takes longer than `sources.fetch_seconds`."""
        process = self._started(arguments, subprocess.PIPE)
        try:
            output, errors = process.communicate(stdin, timeout=self._settings.sources.fetch_seconds)
        except subprocess.TimeoutExpired:
            raise too_slow(self._address, self._settings) from None
        finally:
            _end(process)
        if process.returncode != 0:
            raise self._failure(errors.decode("utf-8", "replace"))
        return output

    def _started(self, arguments: Sequence[str], errors: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [self._program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self._environment,
            # Not where the caller is: a repository there is none of ours.
            cwd=self._folder.path if self._folder is not None else os.path.abspath(os.sep),  # noqa: PTH100
            start_new_session=True,
        )

    def _failure(self, said: str) -> SourceError:
        reason = _reason(said)
        if "Host key verification failed" in said:
            return SourceError(
                "{address}: the key of the host is not known.",
                remedy="Connect to it once with `ssh`, compare the key, and say yes.",
                address=self._address,
            )
        if _REFUSED.search(said):
            return SourceError(
                "{address} refuses: {reason}.",
                remedy="Name the user in the address and put the password or token into ~/.netrc or {variable}; "
                "for ssh, load the key into the agent.",
                address=self._address,
                reason=reason,
                variable=self._settings.sources.password_env or "sources.password_env",
            )
        if re.search(r"redirect|returned error: 30\d", said):
            return SourceError(
                "{address} sends on to another address: {reason}.",
                remedy="Name that one; passwords go nowhere else.",
                address=self._address,
                reason=reason,
            )
        if _UNREACHABLE.search(said):
            return SourceError(
                "{address} cannot be reached: {reason}.",
                remedy="Check the address and the network; name your own authority's certificate in SSL_CERT_FILE.",
                address=self._address,
                reason=reason,
                may_pass="certificate" not in said,
            )
        if _NO_REPOSITORY.search(said):
            return SourceError(
                "There is no repository at {address}, or it is not shown to this user.",
                remedy="Check the spelling, and who may see it.",
                address=self._address,
            )
        return SourceError(
            "{address} cannot be read by git: {reason}.",
            remedy="Try `git ls-remote` with the address.",
            address=self._address,
            reason=reason,
        )


def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise SourceError("git is not installed.", remedy="Install it (Debian: apt-get install git), and try again.")
    said = subprocess.run([found, "--version"], capture_output=True, check=False, env=_kept_variables()).stdout
    numbers = re.search(r"(\d+)\.(\d+)", said.decode("ascii", "replace"))
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise SourceError(
            "{program} is too old: {version}.",
            remedy="Install git 2.31 or newer.",
            program=found,
            version=one_line(said.decode("utf-8", "replace")) or "?",
        )
    return found


def _environment(url: str, scheme: str, settings: Settings, credentials: Credentials | None) -> dict[str, str]:
    """What git sees of the environment, with our configuration in it: arguments could be seen by other users."""
    options = [*_OPTIONS, (f"protocol.{scheme}.allow", "always")]
    options.append(("http.lowSpeedTime", str(max(1, round(settings.sources.read_seconds)))))
    options.append(("http.followRedirects", "false" if credentials else "initial"))
    if credentials is not None:
        token = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode("ascii")
        host = url.partition("://")[2].partition("/")[0]
        options.append((f"http.{scheme}://{host}/.extraHeader", f"Authorization: Basic {token}"))
    seconds = max(1, round(settings.sources.connect_seconds))
    found = _kept_variables()
    if "GIT_SSH" not in found:
        ssh = f"ssh -oBatchMode=yes -oConnectTimeout={seconds} -oServerAliveInterval=15"
        found.setdefault("GIT_SSH_COMMAND", ssh)
    found |= {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_CONFIG_COUNT": str(len(options)),
    }
    for i, (key, value) in enumerate(options):
        found |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
    return found


def _kept_variables() -> dict[str, str]:
    """What of the environment git needs: nothing that says where a repository is, or what to write down."""
    return {name: value for name, value in os.environ.items() if _KEPT_VARIABLES.fullmatch(name)}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends git and whatever it started, if it has not ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
    streams: Sequence[IO[bytes] | None] = (process.stdin, process.stdout, process.stderr)
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _reason(said: str) -> str:
    """The line that says why, without what git puts before it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "remote:", "ssh:", "error:"))] or lines[-1:]
    fatal = [line for line in told if line.startswith("fatal:")]
    chosen = (fatal or told or ["?"])[0]
    return one_line(re.sub(r"^(fatal|remote|error): (ERR )?", "", chosen)) or "?"


def _readable(path: bytes) -> str:
    """A path as text: bytes that are no UTF-8, and what cannot be printed, are written as `\\xNN`."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\u3000" else c.encode("unicode_escape").decode("ascii") for c in text)
