"""Tokens that a job uses of its owner's day: counted while it runs, not only at its end.

They go into the quotas, onto the job and into the metrics. One process runs one job at a time, so what generators of
this process used meanwhile is the job's.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from qianxun import assemble, tally
from qianxun.models.wrappers import counted
from qianxun.service.access import caller_of_key
from qianxun.service.auditing import used_up
from qianxun.settings import Settings
from qianxun.storage.audit_records import Entry, micros_of
from qianxun.storage.database import Database
from qianxun.storage.jobs import Job, Jobs
from qianxun.storage.keys import Keys
from qianxun.storage.quotas import Quotas, Use, today

_KEY: Final = "key:"
# These are made of answers of a model: without tokens there is nothing to be done. Others go on, and are counted.
STOPPED: Final = frozenset({"evaluate", "extract"})


class Spending:
    """What one job uses. `settle` and `is_over` may be called from two threads."""

    def __init__(self, job: Job, jobs: Jobs, database: Database, settings: Settings) -> None:
        self._job = job
        self._jobs = jobs
        self._database = database
        self._quotas = Quotas(database)
        self._settled = counted.tokens()
        self._guard = threading.Lock()
        self.most = _most(job, database, settings) if job.kind in STOPPED else 0

    def must_have_some(self) -> None:
        """Raises LimitReached if the owner's tokens of the day are used up."""
        if self.is_over():
            raise used_up(self.most)

    def is_over(self) -> bool:
        """Whether the owner's tokens of the day are used up, and the job is one that ends then."""
        if not self.most:
            return False
        with self._guard:
            unsettled = sum(counted.tokens()) - sum(self._settled)
            return self._quotas.used(self._job.owner) + unsettled >= self.most

    def settle(self) -> None:
        """Writes down what was used since the last time. Raises Busy, StorageError: nothing is written then."""
        with self._guard:
            used = counted.tokens()
            prompt, completion = used[0] - self._settled[0], used[1] - self._settled[1]
            if not prompt and not completion:
                return
            uses = [Use(self._job.owner, today(), prompt, completion, requests=0)] if self._job.owner else []
            for use in uses:
                self._quotas.note(use)
            try:
                with self._database.transaction() as db:
                    self._quotas.write(db, uses)
                    self._jobs.spent(self._job.token, prompt, completion)
            finally:
                self._quotas.written(uses)
            self._settled = used
        tally.count("tokens", "prompt", n=prompt)
        tally.count("tokens", "completion", n=completion)


def _most(job: Job, database: Database, settings: Settings) -> int:
    """The tokens of a day that the owner of a job has; 0: any. Those of a key are what they are now."""
    if job.owner.startswith(_KEY):
        key = Keys(database).of_id(job.owner.removeprefix(_KEY))
        return caller_of_key(key, settings.service).limits.tokens_per_day if key is not None else 0
    return job.quota


def record_end(job: Job, database: Database, settings: Settings) -> None:
    """Puts the end of a job that somebody asked for, or that used tokens, into the audit, where one is kept."""
    tokens = [job.prompt_tokens, job.completion_tokens]
    if not settings.audit.enabled or not (job.owner or any(tokens)):
        return
    fields: Mapping[str, Any] = {
        "kb": job.base,
        "tokens": tokens if any(tokens) else [],
        "detail": {"job": job.token, "kind": job.kind, "state": job.state},
    }
    assemble.audit(settings, database).record(
        Entry(micros_of(datetime.now(UTC)), "jobs.ended", job.owner, fields=fields)
    )
