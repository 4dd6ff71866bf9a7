"""What operators watch the service with: a Grafana dashboard, Prometheus alert rules, a scrape configuration.

`files()` is all of it, by name; docs/monitoring.md says what each panel and alert means. Imports nothing heavy.
"""

import json
from importlib.resources import files as _files
from typing import Final

from qianxun.service.monitoring.dashboard import dashboard

DASHBOARD: Final = "qianxun-dashboard.json"
RULES: Final = "qianxun-rules.yml"
SCRAPE: Final = "prometheus.yml"


def files() -> dict[str, str]:
    """Name → content of every file."""
    here = _files(__name__)
    return {
        DASHBOARD: json.dumps(dashboard(), ensure_ascii=False, indent=2) + "\n",
        RULES: here.joinpath(RULES).read_text(encoding="utf-8"),
        SCRAPE: here.joinpath(SCRAPE).read_text(encoding="utf-8"),
    }
