"""Whether who asked for a job may still have it: looked up when it begins, since it may have waited for long.

Keys are known here. What a token of another issuer allows only its bearer can show, so what they asked for is done with
the rights that they had then; what the clock or this machine's administrator asks for needs nobody's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from qianxun.errors import Forbidden
from qianxun.service.access import Action, Caller, caller_of_key
from qianxun.settings import Settings
from qianxun.storage.database import Database
from qianxun.storage.jobs import Job
from qianxun.storage.keys import Keys

_KEY: Final = "key:"
# What must be allowed for each kind of job; whatever is not here is for administrators.
_NEEDED: Final[Mapping[str, Action]] = {
    "add": "write",
    "remove": "write",
    "evaluate": "evaluate",
    "extract": "evaluate",
}


def must_hold(job: Job, database: Database, settings: Settings) -> None:
    """Raises Forbidden if the key that asked for a job was revoked, has ended, or allows less than the job needs."""
    if not job.owner.startswith(_KEY):
        return
    key = Keys(database).of_id(job.owner.removeprefix(_KEY))
    if key is None or not key.holds(datetime.now(UTC)):
        raise Forbidden("The key that asked for this job holds no more.", remedy="Ask for it again with one that does.")
    if not _may(caller_of_key(key, settings.service), job):
        raise Forbidden(
            "The key that asked for this job does not allow it any more.", remedy="Ask for it again with one that does."
        )


def _may(caller: Caller, job: Job) -> bool:
    if not caller.may_use(job.base):
        return False
    given = job.arguments
    # Files of a conversation are added by whoever may have one, under its own label.
    if "conversation" in given:
        return caller.may("ask")
    if caller.labels is not None:
        # What was asked with the labels of then must not be done with more than those of now.
        asked = {*(given.get("asker") or ()), *(given.get("labels") or ())}
        if not asked <= caller.labels or ("asker" in given and given["asker"] is None):
            return False
    return caller.may(_NEEDED.get(job.kind, "admin"))
