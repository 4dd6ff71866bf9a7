"""Who we are at a source: the user in its address, and a password from `~/.netrc` or the environment. Never kept."""

import netrc
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.errors import SourceError
from qianxun.settings import SourcesSettings
from qianxun.sources.places import Place


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password; the password is in no text made of it."""

    user: str
    password: str = field(repr=False)


def credentials_for(place: Place, settings: SourcesSettings) -> Credentials | None:
    """Those for a place, None if there are none.

    The entry of its host in the netrc file (variable NETRC, else `~/.netrc`) goes first, if it is for the user whom the
    address names or the address names none; then, for a user in the address, the variable that
    `sources.password_env` names. Raises SourceError for a netrc file that cannot be used.
    """
    login, password = _in_netrc(place)
    if password and (not place.user or place.user == login):
        return Credentials(login, password)
    password = os.environ.get(settings.password_env, "").strip("\r\n") if settings.password_env else ""
    return Credentials(place.user, password) if place.user and password else None


def _in_netrc(place: Place) -> tuple[str, str]:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        found = netrc.netrc(str(path)).authenticators(place.host)
        is_open = os.name == "posix" and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:
        return "", ""
    except netrc.NetrcParseError as error:
        # What it says of the line may be the password.
        raise SourceError(
            "{path} is not a netrc file: line {line} cannot be understood.",
            remedy="Each entry is `machine HOST login USER password PASSWORD`.",
            path=path,
            line=error.lineno,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SourceError(
            "{path} cannot be read: {reason}.",
            remedy="Mend it, or set NETRC to another file.",
            path=path,
            reason=reason,
        ) from None
    if found is None:
        return "", ""
    if is_open:
        raise SourceError(
            "{path} holds passwords, and others on this machine may read it.",
            remedy="Run `chmod 600` on it.",
            path=path,
        )
    return found[0] or "", found[2] or ""
