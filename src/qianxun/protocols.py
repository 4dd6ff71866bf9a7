"""The seams. Each fits on a screen; every implementation passes its conformance suite in `tests/`.

Built-ins and plugins are looked up by name in the entry-point groups `qianxun.loaders`,
`qianxun.sources`, `qianxun.encoders`, `qianxun.indexes`, …: name → factory.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from qianxun.files import RawFile
from qianxun.filters import Filter
from qianxun.records import Hit, IndexRow, Query, RawDocument

if TYPE_CHECKING:
    from qianxun.settings import ReadingSettings

if TYPE_CHECKING:  # numpy is not needed to import qianxun, only to search
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]
    Ids: TypeAlias = NDArray[np.int64]
    Codes: TypeAlias = NDArray[np.uint8]
else:
    Vectors = Ids = Codes = Any


class Loader(Protocol):
    """Reads one kind of file. Runs in a worker process with memory and time limits."""

    suffixes: Sequence[str]  # lower case, with the dot

    def load(self, file: RawFile, settings: "ReadingSettings") -> Iterable[RawDocument | RawFile]:
        """At most one document, then the files inside this one (`RawFile.member`), which go to loaders of their own.

        An archive has no document of its own, a letter has one and its attachments. Raises UnreadableDocument with
        the reason and the remedy.
        """
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as its source lists it.

    `uri` names it for good; it is its name in the knowledge base. The same `version` again means the same bytes;
    empty: it must be read to know. `labels` are who may see it there, None where the source does not say. `suffix`
    says what kind of file it is where the uri does not end with it; `modified` is UTC, ISO 8601, or empty.
    """

    uri: str
    version: str = ""
    labels: tuple[str, ...] | None = None
    suffix: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A part of a source that could not be looked into: what is kept of it is not gone. `uri` is where it begins."""

    uri: str
    reason: str


class Source(Protocol):
    """A place that documents come from: a folder, a web site, a repository, a bucket, a mailbox."""

    address: str  # as it was given

    def list(self) -> Iterable[Listed | Unlisted]:
        """Every document that is there now, once. Raises SourceError where nothing can be said of what is there."""
        ...

    def open(self, uri: str, folder: Path) -> RawFile:
        """The bytes of a document that was listed; what is on no disk is written to a new file in `folder`.

        May be called by several threads at a time. Raises SourceError, with the reason and the remedy.
        """
        ...

    def holds(self, uri: str) -> bool:
        """Whether a document of this name would be listed here if it were there: else it is none of its business."""
        ...

    def close(self) -> None:
        """Lets go of connections and files."""
        ...


@runtime_checkable
class AsksForChanges(Protocol):
    """A source that must look at a document to list it, and spares its bytes where it is told what is there already."""

    def tell_kept(self, kept: Callable[[str], str | None]) -> None:
        """`kept(uri)` is the version of a document that is kept, None where there is none. Before `list`."""
        ...


class Encoder(Protocol):
    """Text to vectors. Asymmetric: a question and a passage may be encoded differently."""

    name: str

    @property
    def fingerprint(self) -> str:
        """Changes when a passage's vector would."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows; a row depends on its text alone, not on the batch."""
        ...


class Held(NamedTuple):
    """Chunks of a dense index: `ids` (n,), their `vectors` (n, dim), and what each is written in.

    `scripts` (n,) are places in `qianxun.text.SCRIPTS`.
    """

    ids: Ids
    vectors: Vectors
    scripts: Codes


@dataclass(frozen=True, slots=True)
class Where:
    """A filter to push down: the tree, and the same thing as the sorted ids of the documents it lets through.

    An index uses the form it can: a dense index the ids, a lexical engine the tree.
    """

    filter: Filter
    documents: Ids


class Index(Protocol):
    """Finds chunk ids. Dense and lexical alike. Knows no text, no access rule, no other index.

    Changes are visible to this object's `search` after `commit`, and to other processes' objects at
    their next `search`. A crash before `commit` returns leaves the last committed state.
    """

    name: str
    kind: str  # "dense" or "lexical"

    @property
    def revision(self) -> int:
        """The store's revision up to which this index is complete; 0 when new."""
        ...

    def ids(self) -> Ids:
        """The chunk ids in it, sorted, (n,) int64."""
        ...

    def upsert(self, rows: Sequence[IndexRow]) -> None:
        """Adds chunks. A chunk already there is replaced only if its labels differ: its text never does.

        Where it does (an enrichment), the document is removed first, in the same commit.
        """
        ...

    def remove(self, documents: Sequence[int]) -> None:
        """Takes out every chunk of these documents; unknown ones are no error."""
        ...

    def commit(self, revision: int) -> None:
        """Makes everything since the last commit durable and visible, as of this revision."""
        ...

    def fresh(self) -> "Index":
        """An empty index of the same kind beside this one; its first commit replaces this one atomically.

        Nothing removed is left in any byte of the files once the old ones are gone.
        """
        ...

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        """At most k hits, best first; ties by ascending chunk id. Only what `where` lets through."""
        ...

    def held(self, chunks: Sequence[int]) -> Held:
        """Those of these chunks that it holds, in any order; none if lexical.

        A hit's score is the product of its vector and the query's.
        """
        ...

    def idf(self, words: Sequence[str]) -> dict[str, float]:
        """Folded words → inverse document frequency, > 0, for words it knows and does not; {} where there are none."""
        ...

    def languages(self) -> frozenset[str]:
        """The languages that words in it are stemmed in (`qianxun.text.stemming_language`); none if it has no words."""
        ...

    def holds(self, words: Sequence[str], where: Where | None = None) -> bool:
        """Whether a chunk that `where` lets through has all of these words; False where it has no words."""
        ...

    def similar(
        self, term: str, *, mistakes: int, most: int, where: Where | None = None, beside: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """At most `most` other words that are near a term (see `qianxun.text.nearest`); none where it has no words.

        Only chunks count that `where` lets through and that hold all of the words `beside`.
        """
        ...

    def verify(self) -> None:
        """Reads every committed file to the last byte. Raises StaleIndex naming the first damaged one."""
        ...

    def close(self) -> None:
        """Lets go of files."""
        ...


class Reranker(Protocol):
    """Judges how well passages answer a question."""

    name: str

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32, P(relevant) in [0, 1], in the order given."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A turn for a generator. `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a generator chooses tokens. Temperature 0 is greedy."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a stream; the last one has `finish_reason` ("stop" or "length") and the token counts."""

    text: str = ""
    finish_reason: str | None = None
    usage: tuple[int, int] | None = None  # prompt tokens, completion tokens


class Generator(Protocol):
    """A language model. The one asynchronous seam."""

    name: str

    @property
    def context_tokens(self) -> int:
        """Longest prompt and answer together."""
        ...

    def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The answer as it comes. Closing the iterator stops the model."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, exact or a safe over-estimate."""
        ...


class Cache(Protocol):
    """Keeps small values for a while. Losing one costs time, never an answer: it raises no error of its own."""

    name: str

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys; None for one that is not there, or no longer."""
        ...

    def set(self, items: Mapping[bytes, bytes], *, seconds: int | None = None) -> None:
        """Keeps values, for so many seconds (None: until there is no room)."""
        ...

    def clear(self) -> None:
        """Forgets everything that this program kept."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...
