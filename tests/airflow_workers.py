"""Which workers of xdist run the tests that start an Airflow: two of them, whatever number there is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from xdist.remote import Producer  # type: ignore[import-untyped]
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

# More Airflows at once miss their own time-outs on two cores.
AT_ONCE = 2
FIRST_ONES = frozenset(f"gw{number}" for number in range(AT_ONCE))
# How the group of tests that need all of an Airflow begins.
END_TO_END = "e2e "


class TwoAirflows(LoadGroupScheduling):  # type: ignore[misc]
    """
    Gives the tests of whole Airflows to two workers, and to all others only tests that need none.

    Tests of an Airflow wait for most of their time. Meanwhile the others use the cores.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self._is_fast_one(node):
            unit = next((name for name in self.workqueue if not name.startswith(END_TO_END)), None)
            if unit is None:
                # What is left is for the first two.
                node.shutdown()
                return
            self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)

    def _is_fast_one(self, node: WorkerController) -> bool:
        # One that has died is replaced by one that is named as the next.
        return node in sorted(self.nodes, key=lambda each: int(each.gateway.id.removeprefix("gw")))[AT_ONCE:]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    return TwoAirflows(config, log) if config.getoption("dist") == "loadgroup" else None


def give_way() -> None:
    """Let the two that run Airflows come first, where this process is another worker: they take longest."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") not in FIRST_ONES:
        os.nice(13)
