"""The process of a service that runs jobs: started by its supervisor, ends by SIGTERM or with its parent."""

import signal
import threading
from typing import Any

from qianxun.messages import set_language
from qianxun.settings import Settings


def serve_jobs(settings: Settings, language: str, started: Any) -> None:
    """Runs jobs until SIGTERM or SIGINT, or until the parent is gone. `started` is set once it does."""
    from qianxun.service.jobs.runner import run_jobs
    from qianxun.service.logs import configure_logs
    from qianxun.service.metrics import Metrics
    from qianxun.service.worker import end_with_parent

    set_language(language)
    configure_logs(settings)
    Metrics()  # has what is tallied here told by whoever is read
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent()
    started.set()
    run_jobs(settings, stop)
