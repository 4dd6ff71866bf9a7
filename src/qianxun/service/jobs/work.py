"""What a job is given to do its work with, and how it is told to stop.

It is stopped where it tells how far it has come: whatever is interrupted there is resumed by asking again, as after a
crash. Knows no kind of job.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from qianxun.settings import Settings
from qianxun.storage.database import Database
from qianxun.storage.jobs import Job
from qianxun.storage.reindex import Progress

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase


# What a job is told: somebody asked it to stop; it is no longer its process's; its process ends; its owner's tokens of
# the day are used up.
Told: TypeAlias = Literal["stop", "lost", "leave", "spent"]


class Stopped(BaseException):
    """Raised where a job tells of its progress. No error: nobody who takes errors in his stride may swallow it."""


@dataclass(slots=True)
class Telling:
    """How far a job has come, for who makes it heard; and what it is to do, once somebody says so.

    `is_spent` says whether it may use no more tokens; `begun` is set when it has told something for the first time.
    """

    told: Told | None = None
    now: Progress = field(default_factory=lambda: Progress("", 0, None))
    is_spent: Callable[[], bool] = lambda: False
    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, progress: Progress) -> None:
        """Notes how far the job is. Raises Stopped if it is to stop."""
        self.now = progress
        self.begun.set()
        if self.told is None and not _is_all(progress) and self.is_spent():
            self.told = "spent"
        if self.told is not None:
            raise Stopped

    def staged(self, stage: str, done: int, total: int) -> None:
        """The same for work that tells (stage, done, total)."""
        self(Progress(stage, done, total))


def _is_all(progress: Progress) -> bool:
    """Whether a stage is done: what is left costs no tokens, or will tell."""
    return progress.total is not None and progress.done >= progress.total


@dataclass(frozen=True, slots=True)
class Work:
    """One job at work. `settings` and `database` are the service's.

    `open` gives a knowledge base by its name, which who runs jobs closes; `names` are those that there are.
    """

    job: Job
    settings: Settings
    home: Path
    database: Database
    telling: Telling
    open: Callable[[str], "KnowledgeBase"]
    names: Callable[[], list[str]]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What was asked for."""
        return self.job.arguments

    @property
    def kb(self) -> "KnowledgeBase":
        """The knowledge base that the job is about. Raises NotFound if it is gone."""
        return self.open(self.job.base)
