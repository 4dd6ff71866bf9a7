"""Objects in a bucket of Amazon S3 or of a server that speaks its protocol (extra `s3`): MinIO, Ceph, OSS, COS.

`s3://bucket/prefix`. Keys are paths: a prefix is a folder, never the beginning of a name. Credentials are those of the
AWS environment variables and files; without any, requests are sent unsigned, as public buckets allow.
"""

import importlib.util
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from qianxun.errors import InputError, MissingExtra, SourceError
from qianxun.files import RawFile, with_outer
from qianxun.protocols import Listed, Unlisted
from qianxun.records import narrow
from qianxun.settings import Settings
from qianxun.sources.places import is_below, is_wanted, one_line, utc, without_password
from qianxun.sources.receiving import PIECE_BYTES, check_size, received

LABELS_TAG: Final = "qianxun-labels"
# Amazon allows no commas in the value of a tag.
_BETWEEN_LABELS: Final = re.compile(r"[,，;；\s]+")
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
OBJECTS_AT_A_TIME: Final = 1000
_ASKED_FOR_TAGS_AT_A_TIME: Final = 16
_REFUSED: Final = frozenset(
    "AccessDenied AllAccessDisabled InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken "
    "InvalidClientTokenId AuthFailure 401 403".split()
)
_ELSEWHERE: Final = frozenset(
    "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException 301 307".split()
)


def open_source(address: str, settings: Settings) -> "S3Source":
    """The bucket, or the part of it, at an address. Connects to nothing yet.

    Raises InputError for an address that is none, MissingExtra if the client is not installed.
    """
    return S3Source(address, settings)


class S3Source:
    """Satisfies `Source`. A version is the object's ETag and size. Safe to share between threads."""

    def __init__(self, address: str, settings: Settings) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not address.startswith("s3://") or _BUCKET.fullmatch(bucket) is None:
            raise InputError(
                "{address} is not the address of a bucket.",
                remedy="Write it like s3://bucket/folder; set a server of your own in sources.s3_endpoint.",
                address=without_password(address),
            )
        if importlib.util.find_spec("botocore") is None:
            raise MissingExtra(
                "Reading buckets needs a package that is not installed.", remedy="Run `pip install 'qianxun[s3]'`."
            )
        self._bucket = bucket
        self._top = key.rstrip("/")
        self._root = f"s3://{bucket}/"
        self.address = (self._root + self._top).rstrip("/")
        self._settings = settings
        self._opening = threading.Lock()
        self._client: Any = None
        self._is_signed = False
        self._odd_keys: dict[str, str] = {}

    def list(self) -> Iterable[Listed | Unlisted]:
        """Every object at or below the address that the settings let in, sorted by key.

        Raises SourceError if the bucket cannot be listed, or, with `sources.s3_labels`, if tags cannot be read.
        """
        if self._top:
            for one in next(self._pages(self._top, most=1), ()):
                if one["Key"] == self._top:
                    yield from self._listed([one])
        for page in self._pages(f"{self._top}/" if self._top else ""):
            yield from self._listed(page)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The object of this uri, fetched into `folder`. Raises SourceError."""
        with self._translated(uri):
            answer = self._connected().get_object(Bucket=self._bucket, Key=self._key(uri))
            with closing(answer["Body"]) as body:
                check_size(uri, answer["ContentLength"], self._settings)
                return received(uri, body.iter_chunks(PIECE_BYTES), folder, self._settings)

    def holds(self, uri: str) -> bool:
        """Whether it is at or below the address, and the settings let it, or the file around it, in."""
        below = uri.startswith(self._root) and (not self._top or is_below(uri, self.address))
        return below and any(
            one not in ("", self._root) and (one == self.address or self._is_wanted(one)) for one in with_outer(uri)
        )

    def close(self) -> None:
        """Lets go of connections; the next use makes new ones."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _pages(self, prefix: str, most: int = 0) -> Iterator[Iterable[Mapping[str, Any]]]:
        with self._translated(self.address):
            pages = self._connected().get_paginator("list_objects_v2")
            size = {"PageSize": most or OBJECTS_AT_A_TIME}
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, PaginationConfig=size):
                if "Name" not in page:
                    # A page for people is no empty bucket: everything in it would be taken for deleted.
                    raise SourceError(
                        "{address} does not answer as a server of buckets does.",
                        remedy="Check sources.s3_endpoint and the network.",
                        address=self._settings.sources.s3_endpoint or self._root,
                    )
                yield page.get("Contents", [])

    def _listed(self, objects: Iterable[Mapping[str, Any]]) -> Iterator[Listed]:
        # A key that ends with / is how some programs make a folder.
        found = [(self._uri(one["Key"]), one) for one in objects if not one["Key"].endswith("/")]
        wanted = [(uri, one) for uri, one in found if uri == self.address or self._is_wanted(uri)]
        asked = self._settings.sources.s3_labels
        labels = self._labels(uri for uri, _ in wanted) if asked else {}
        for uri, one in wanted:
            if asked and uri not in labels:
                continue  # gone since the page was listed
            etag = one.get("ETag", "").strip('"') or one["LastModified"].isoformat()
            yield Listed(uri, f"{etag}-{one['Size']}", labels.get(uri), modified=utc(one["LastModified"]))

    def _labels(self, uris: Iterable[str]) -> dict[str, tuple[str, ...]]:
        with ThreadPoolExecutor(_ASKED_FOR_TAGS_AT_A_TIME, thread_name_prefix="s3-tags") as threads:
            found = threads.map(self._labels_of, uris)
            return {uri: labels for uri, labels in found if labels is not None}

    def _labels_of(self, uri: str) -> tuple[str, tuple[str, ...] | None]:
        """The labels in an object's tag: () without one, so that a forgotten tag shows it to nobody; None if gone."""
        from botocore.exceptions import ClientError

        try:
            with self._translated(uri):
                answer = self._connected().get_object_tagging(Bucket=self._bucket, Key=self._key(uri))
        except SourceError as error:
            code = _code(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
            if code in ("NoSuchKey", "404"):
                return uri, None
            raise
        value = next((tag["Value"] for tag in answer["TagSet"] if tag["Key"] == LABELS_TAG), "")
        return uri, labels_in(value)

    def _uri(self, key: str) -> str:
        """The key as a name: only what cannot be printed is written otherwise."""
        if key.isprintable():
            return self._root + key
        uri = self._root + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in key)
        self._odd_keys[uri] = key
        return uri

    def _key(self, uri: str) -> str:
        return self._odd_keys.get(uri) or uri.removeprefix(self._root)

    def _is_wanted(self, uri: str) -> bool:
        return is_wanted(uri.removeprefix(self.address).removeprefix("/"), self._settings.reading)

    def _connected(self) -> Any:
        import botocore.session
        from botocore import UNSIGNED
        from botocore.config import Config

        chosen = self._settings.sources
        with self._opening:
            if self._client is None:
                session = botocore.session.Session()
                self._is_signed = session.get_credentials() is not None
                config = Config(
                    connect_timeout=chosen.connect_seconds,
                    read_timeout=chosen.read_seconds,
                    retries={"total_max_attempts": chosen.retries + 1, "mode": "standard"},
                    max_pool_connections=_ASKED_FOR_TAGS_AT_A_TIME,
                    s3={"addressing_style": chosen.s3_addressing},
                    # Servers other than Amazon's know no newer checksums.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    **({} if self._is_signed else {"signature_version": UNSIGNED}),
                )
                self._client = session.create_client(
                    "s3",
                    region_name=chosen.s3_region or session.get_config_variable("region") or "us-east-1",
                    endpoint_url=chosen.s3_endpoint or None,
                    config=config,
                )
            return self._client

    @contextmanager
    def _translated(self, uri: str) -> Iterator[None]:
        """The client's exceptions as ours."""
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

        try:
            yield
        except ClientError as error:
            raise self._refusal(uri, error) from error
        except (ConnectionError, HTTPClientError) as error:
            raise SourceError(
                "{address} cannot be reached: {reason}.",
                remedy="Check sources.s3_endpoint and the network.",
                address=self._settings.sources.s3_endpoint or self._root,
                reason=one_line(str(error)),
            ) from error
        except (BotoCoreError, ValueError) as error:
            raise SourceError(
                "{uri} cannot be asked for: {reason}.",
                remedy="Check the settings sources.s3_* and the AWS configuration.",
                uri=uri,
                reason=one_line(str(error)),
            ) from error

    def _refusal(self, uri: str, error: Any) -> SourceError:
        code, answer = _code(error), one_line(str(error.response.get("Error", {}).get("Message", "")))
        if code == "NoSuchBucket":
            return SourceError(
                "There is no bucket {bucket!r}.",
                remedy="Check its name, and sources.s3_endpoint.",
                bucket=self._bucket,
            )
        if code in _REFUSED and not self._is_signed:
            return SourceError(
                "{uri} may not be read without credentials.",
                remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials.",
                uri=uri,
            )
        if code in _REFUSED:
            return SourceError(
                '{uri} may not be read with these credentials ({code}: "{answer}").',
                remedy="Check them, and the rights to list the bucket, to get objects and, for labels, their tags.",
                uri=uri,
                code=code,
                answer=answer,
            )
        if code in _ELSEWHERE:
            return SourceError(
                "The bucket {bucket!r} is in another region ({code}).",
                remedy="Set sources.s3_region to its own.",
                bucket=self._bucket,
                code=code,
            )
        if code in ("NoSuchKey", "404"):
            return SourceError("There is nothing at {uri} any more.", remedy="Run the same command again.", uri=uri)
        return SourceError(
            '{uri} cannot be read ({code}: "{answer}").',
            remedy="The server's log should say more; try again later.",
            uri=uri,
            code=code,
            answer=answer,
        )


def labels_in(value: str) -> tuple[str, ...]:
    """The labels in the value of a tag, each once, in their order, as labels are written: in half width."""
    return tuple(dict.fromkeys(label for label in _BETWEEN_LABELS.split(narrow(value)) if label))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
