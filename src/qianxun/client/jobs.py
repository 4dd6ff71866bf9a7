"""Work that the service does by itself: how far it is, waiting for it, stopping it, what it found."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from qianxun.client import reading
from qianxun.client.connection import Connection, Repeat
from qianxun.client.records import Job, JobState
from qianxun.errors import ServiceUnavailable

# Of a stream of events that breaks off again and again, without any news.
_MOST_BREAKS: Final = 10


class JobsRoom:
    """`Client.jobs`. Jobs are the key's own; an administrator's key sees all."""

    def __init__(self, connection: Connection, api: str) -> None:
        self._connection = connection
        self._jobs = f"{api}/jobs"

    def list(self, *, state: JobState | None = None, after: int = 0, count: int = 100) -> list[Job]:
        """At most `count` jobs, the newest first, without the first `after`."""
        asked = {"after": after, "count": count, **({} if state is None else {"state": state})}
        reply = self._connection.json("GET", self._jobs, params=asked, repeat=Repeat.BROKEN)
        return reading.read(lambda given: [reading.job(one) for one in given["jobs"]], reply)

    def get(self, token: str) -> Job:
        """One job, as it is now. Raises NotFound."""
        return reading.read(reading.job, self._connection.json("GET", self._path(token), repeat=Repeat.BROKEN))

    def progress(self, token: str) -> Iterator[Job]:
        """The job, whenever something of it changes, until it has ended; what breaks off is read on."""
        breaks = 0
        while True:
            try:
                for event in self._connection.events("GET", self._path(token, "/events"), repeat=Repeat.BROKEN):
                    job = reading.read(reading.job, event.data)
                    breaks = 0
                    yield job
                    if job.ended:
                        return
            except ServiceUnavailable:
                if breaks >= _MOST_BREAKS:
                    raise
            # Also where the service is stopped, and another one goes on with it.
            breaks += 1
            if breaks > _MOST_BREAKS:
                yield self.get(token)
                return
            self._connection.wait(min(0.2 * 2.0**breaks, 10.0))

    def wait(self, token: str, *, progress: Callable[[Job], object] | None = None) -> Job:
        """The job when it has ended, whatever came of it: `state` says. `progress` is told of every change."""
        job = None
        for job in self.progress(token):
            if progress is not None:
                progress(job)
        return job if job is not None else self.get(token)

    def cancel(self, token: str) -> Job:
        """Stops a job; what it has done so far stays. Raises NotFound."""
        return reading.read(reading.job, self._connection.json("DELETE", self._path(token), repeat=Repeat.REFUSED))

    def result(self, token: str) -> tuple[dict[str, Any], ...]:
        """What an extraction or evaluation found, of documents that the key may see now: a row for each."""
        reply = self._connection.json("GET", self._path(token, "/result"), repeat=Repeat.BROKEN)
        return reading.read(lambda given: tuple(given["results"]), reply)

    def _path(self, token: str, rest: str = "") -> str:
        from urllib.parse import quote

        return f"{self._jobs}/{quote(token, safe='')}{rest}"
