"""The audit in figures: how much was asked by whom, what was changed, what was refused. Knows no door.

A scheduled job calls `report` as the command line does; both print its shape.
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from qianxun.storage.audit import Audit

# Turned away: no key, no right, too often, no place.
REFUSED: Final = (401, 403, 429, 503)


def report(
    audit: Audit, *, since: datetime | None = None, until: datetime | None = None, who: str = "", kb: str = ""
) -> dict[str, Any]:
    """Counts over the rows from `since` up to `until`: by day (UTC), action, person and base; the most first.

    `refused` counts by status; `failed` are errors of the service itself; `changes` counts by action.
    """
    days, actions, people, bases = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    refused, changes, verdicts = Counter[str](), Counter[str](), Counter[str]()
    requests = failed = prompt = completion = 0
    first = last = ""
    for row in audit.rows(since=since, until=until, who=who, kb=kb):
        body, moment = row.body, row.at.isoformat(timespec="seconds")
        first, last = first or moment, moment
        requests += 1
        days[row.at.strftime("%Y-%m-%d")] += 1
        actions[row.action] += 1
        if row.who:
            people[row.who] += 1
        if body.get("kb"):
            bases[body["kb"]] += 1
        status = body.get("status", 0)
        if status in REFUSED:
            refused[str(status)] += 1
        elif status >= 500:
            failed += 1
        if body.get("changes"):
            changes[row.action] += 1
        if body.get("verdict"):
            verdicts[body["verdict"]] += 1
        for_prompt, for_completion = body.get("tokens", (0, 0))
        prompt, completion = prompt + for_prompt, completion + for_completion
    seq, hash = audit.head()
    return {
        "since": first or None,
        "until": last or None,
        "requests": requests,
        "days": dict(sorted(days.items())),
        "actions": dict(actions.most_common()),
        "people": dict(people.most_common()),
        "bases": dict(bases.most_common()),
        "refused": dict(refused.most_common()),
        "failed": failed,
        "changes": dict(changes.most_common()),
        "verdicts": dict(verdicts.most_common()),
        "tokens": {"prompt": prompt, "completion": completion},
        "head": f"{seq}:{hash.hex()}",
    }
