"""How many DAGs a user's questions of the last seconds had, so that a view does not ask the same twice."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

# The counts are asked for right after the table, which has found some of them.
SECONDS = 5.0
_MOST = 1000


class RecentTotals:
    """
    Totals of Airflow's answers, for one user's token each: another user may see other DAGs.

    :param seconds: how long a total is kept
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._found: dict[tuple[str, str], tuple[float, int]] = {}

    def of(self, token: str) -> UserTotals:
        """Return the totals of one user."""
        return UserTotals(self, token)

    def get(self, token: str, question: str) -> int | None:
        moment, total = self._found.get((token, question), (0.0, 0))
        return total if time.monotonic() - moment < self._seconds and moment else None

    def note(self, token: str, question: str, total: int) -> None:
        if len(self._found) >= _MOST:
            self._found.clear()
        self._found[token, question] = (time.monotonic(), total)

    def forget(self) -> None:
        """Forget the totals of all users."""
        self._found.clear()


class UserTotals:
    """The totals of one user's questions, by the parameters of Airflow's list of DAGs."""

    def __init__(self, all_totals: RecentTotals, token: str) -> None:
        self._all = all_totals
        self._token = token

    def get(self, parameters: Mapping[str, Any]) -> int | None:
        """Return what `note` was given within the last seconds, else None."""
        return self._all.get(self._token, _text(parameters))

    def note(self, parameters: Mapping[str, Any], total: int) -> None:
        """Remember how many DAGs a question has."""
        self._all.note(self._token, _text(parameters), total)

    def forget(self) -> None:
        """Forget the totals of all users: something has been changed."""
        self._all.forget()


def _text(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)
