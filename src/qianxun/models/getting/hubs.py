"""The two hubs that models come from: what files a model has there, and where each is fetched.

By their plain HTTP interfaces, as their own clients use them (huggingface_hub 1.x: `HfApi.model_info` and
`hf_hub_url`; modelscope_hub: `list_repo_files` and `get_download_url`). Their clients are not used: they bring dozens
of packages for what is two requests. Downloads nothing but lists.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from qianxun.errors import BadModelReply, ModelRefused, ModelUnavailable, NotFound

if TYPE_CHECKING:
    import httpx

HUGGING_FACE: Final = "https://huggingface.co"
MODEL_SCOPE: Final = "https://modelscope.cn"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model on a hub. `sha256` or `git_sha1` is what its bytes must come to; "" where the hub says none."""

    path: str
    bytes: int
    sha256: str = ""
    git_sha1: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a model. `revision` is the commit where the hub names one, `fetched_as` what files are asked by."""

    model: str
    revision: str
    fetched_as: str
    files: tuple[RemoteFile, ...]


class Hub(Protocol):
    """A place that models are fetched from."""

    @property
    def name(self) -> str:
        """As the setting models.source calls it."""
        ...

    @property
    def endpoint(self) -> str:
        """Its address, without a slash at the end."""
        ...

    def headers(self) -> dict[str, str]:
        """What every request carries: the key, if there is one."""
        ...

    def listing(self, client: "httpx.Client", model: str, revision: str) -> Listing:
        """The model's files. Raises NotFound, ModelRefused, ModelUnavailable or BadModelReply."""
        ...

    def address(self, listing: Listing, path: str) -> str:
        """Where a file of a listing is fetched."""
        ...


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """huggingface.co, or a mirror of it."""

    endpoint: str = HUGGING_FACE
    token: str = ""
    name: str = "huggingface"

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def listing(self, client: "httpx.Client", model: str, revision: str) -> Listing:
        """The model's files, by commit. Weights carry their SHA-256, smaller files git's SHA-1 of a blob."""
        url = f"{self.endpoint}/api/models/{model}/revision/{quote(revision or 'main', safe='')}"
        found = _json(client, self, url, {"blobs": "true"}, model, revision)
        files = []
        for entry in _list(found, "siblings", self, model):
            lfs = entry.get("lfs") or {}
            files.append(
                RemoteFile(
                    path=_path(entry.get("rfilename"), self, model),
                    bytes=int(entry.get("size") or lfs.get("size") or 0),
                    sha256=str(lfs.get("sha256") or lfs.get("oid") or "").removeprefix("sha256:"),
                    git_sha1="" if lfs else str(entry.get("blobId") or ""),
                )
            )
        commit = str(found.get("sha") or revision or "main")
        return Listing(model, commit, commit, tuple(files))

    def address(self, listing: Listing, path: str) -> str:
        """Where a file is fetched; big ones are forwarded from there."""
        return f"{self.endpoint}/{listing.model}/resolve/{quote(listing.fetched_as, safe='')}/{quote(path)}"


@dataclass(frozen=True, slots=True)
class ModelScope:
    """modelscope.cn, or a mirror of it."""

    endpoint: str = MODEL_SCOPE
    token: str = ""
    name: str = "modelscope"

    def headers(self) -> dict[str, str]:
        """What every request carries. Older parts of the hub know a key only as a cookie."""
        if not self.token:
            return {}
        return {"Authorization": f"Bearer {self.token}", "Cookie": f"m_session_id={self.token}"}

    def listing(self, client: "httpx.Client", model: str, revision: str) -> Listing:
        """The model's files, each with its SHA-256. The revision is the youngest commit that touched one of them."""
        url = f"{self.endpoint}/api/v1/models/{model}/repo/files"
        asked = revision or "master"
        found = _json(client, self, url, {"Revision": asked, "Recursive": "True"}, model, revision)
        data = found.get("Data")
        if found.get("Success") is False or not isinstance(data, Mapping):
            raise _not_there(self, model, revision)
        entries = [entry for entry in _list(data, "Files", self, model) if entry.get("Type") != "tree"]
        files = tuple(
            RemoteFile(
                path=_path(entry.get("Path") or entry.get("Name"), self, model),
                bytes=int(entry.get("Size") or 0),
                sha256=str(entry.get("Sha256") or ""),
            )
            for entry in entries
        )
        youngest = max(entries, key=lambda entry: entry.get("CommittedDate") or 0, default={})
        return Listing(model, str(youngest.get("Revision") or asked), asked, files)

    def address(self, listing: Listing, path: str) -> str:
        """Where a file is fetched; big ones are forwarded from there."""
        where = f"Revision={quote(listing.fetched_as, safe='')}&FilePath={quote(path, safe='')}"
        return f"{self.endpoint}/api/v1/models/{listing.model}/repo?{where}"


def _json(
    client: "httpx.Client", hub: Hub, url: str, parameters: Mapping[str, str], model: str, revision: str
) -> Mapping[str, Any]:
    import httpx

    try:
        reply = client.get(url, params=dict(parameters), headers=hub.headers())
    except httpx.HTTPError as error:
        raise ModelUnavailable(
            "{hub} ({endpoint}) cannot be reached: {reason}.",
            remedy="Set models.source, or models.endpoint to a mirror; or copy the model's folder by hand.",
            hub=hub.name,
            endpoint=hub.endpoint,
            reason=(str(error) or type(error).__name__).rstrip("."),
        ) from error
    refuse(hub, reply, model, revision)
    try:
        found = json.loads(reply.content)
    except ValueError as error:
        raise _unusable(hub, model) from error
    if not isinstance(found, Mapping):
        raise _unusable(hub, model)
    return found


def refuse(hub: Hub, reply: "httpx.Response", model: str, revision: str = "") -> None:
    """Raises what a status of HTTP means for a model; returns if it is none of refusal."""
    status = reply.status_code
    # Hugging Face answers 401 for what does not exist too, and says which in a header.
    if status == 404 or reply.headers.get("X-Error-Code") in ("RepoNotFound", "RevisionNotFound"):
        raise _not_there(hub, model, revision)
    if status in (401, 403):
        raise ModelRefused(
            "{hub} refuses {model} (HTTP {status}): it is gated or private, or there is none by that name.",
            remedy="Accept its terms on the hub's page, and set {variable} to your access token.",
            hub=hub.name,
            model=model,
            status=status,
            variable="HF_TOKEN" if hub.name == "huggingface" else "MODELSCOPE_API_TOKEN",
        )
    if status >= 400:
        raise ModelUnavailable(
            "{hub} ({endpoint}) answers with HTTP {status}.",
            remedy="Try again later, or set models.source or models.endpoint.",
            hub=hub.name,
            endpoint=hub.endpoint,
            status=status,
        )


def _not_there(hub: Hub, model: str, revision: str) -> NotFound:
    if revision:
        return NotFound(
            "{hub} has no {model} at revision {revision}.",
            remedy="Names are ORGANISATION/NAME, for example Qwen/Qwen3-Embedding-0.6B; the hubs' revisions differ.",
            hub=hub.name,
            model=model,
            revision=revision,
        )
    return NotFound(
        "{hub} has no {model}.",
        remedy="Names are ORGANISATION/NAME, for example Qwen/Qwen3-Embedding-0.6B.",
        hub=hub.name,
        model=model,
    )


def _list(found: Mapping[str, Any], key: str, hub: Hub, model: str) -> list[Mapping[str, Any]]:
    entries = found.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise _unusable(hub, model)
    return entries


def _path(name: object, hub: Hub, model: str) -> str:
    """A file's path inside the model's folder. A hub that names one outside of it is not to be believed."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        raise _unusable(hub, model)
    return "/".join(parts)


def _unusable(hub: Hub, model: str) -> BadModelReply:
    return BadModelReply(
        "{hub} ({endpoint}) answers with something that is no list of the files of {model}.",
        remedy="Is models.endpoint the address of a hub, and is no proxy or login page in between?",
        hub=hub.name,
        endpoint=hub.endpoint,
        model=model,
    )
