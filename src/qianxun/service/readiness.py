"""Whether everything that answers is there: models have passed their self-tests, indexes are open. Tried until it is.

A service that is not ready answers all the same, with what it has; who balances load looks here first.
"""

import logging
import threading
from typing import Final

from qianxun.errors import QianxunError
from qianxun.service.bases import Bases

logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 5.0


class Readiness:
    """What is still waited for. `start` looks for it in a thread of its own."""

    def __init__(self, bases: Bases) -> None:
        self._bases = bases
        self._waiting: list[str] = []
        self._begun = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def waiting(self) -> list[str]:
        """What is not ready, by role: models and indexes, of no knowledge base by name."""
        return list(self._waiting)

    def start(self) -> None:
        """Begins to make things ready."""
        if not self._begun:
            self._begun = True
            self._waiting = ["knowledge bases"]
            self._thread = threading.Thread(target=self._run, name="qianxun-ready", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Gives up, and waits for what is being made: files are not closed under its hands."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        ready: set[str] = set()
        while not self._ended.is_set():
            waiting: list[str] = []
            for name in self._bases.names():
                if name not in ready and not self._ended.is_set():
                    found = self._prepared(name)
                    waiting += found
                    ready |= {name} if not found else set()
            self._waiting = sorted(set(waiting))
            if not waiting:
                logger.info("ready: %d knowledge bases", len(ready))
                return
            self._ended.wait(_AGAIN_SECONDS)

    def _prepared(self, name: str) -> list[str]:
        """What of a knowledge base is not ready."""
        try:
            return self._bases.get(name).kb.prepare()
        except QianxunError as error:
            logger.warning("knowledge base %s is not ready: %s", name, error)
        except Exception:  # else it would be waited for without anybody trying again
            logger.exception("knowledge base %s is not ready", name)
        return ["knowledge bases"]
