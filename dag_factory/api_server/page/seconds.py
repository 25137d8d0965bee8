"""For how long one request works: a proxy ends longer ones, and a browser shows no progress meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """
    The time that a request has for its work.

    :param seconds: after which no further piece of the work is begun
    """

    seconds: float = 20.0
    _began: float = field(default_factory=time.monotonic, repr=False)

    def started(self) -> Budget:
        """Return the same budget, whose time begins now."""
        return Budget(self.seconds)

    @property
    def is_spent(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() - self._began >= self.seconds
