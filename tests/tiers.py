"""
The tiers of the tests, and the order of those that need an Airflow.

The fast tier has no marker. ``slow`` marks what takes several seconds by itself, such as a test that starts programs or
a service; ``ingestion`` what imports openmetadata-ingestion, and ``e2e`` what starts an Airflow. The tests of one
Airflow follow one another, and it is stopped after the last of them: there is never more than one for each worker of
xdist.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.stack import AirflowStack
from tests.airflow_workers import END_TO_END, give_way
from tests.e2e.together import Together
from tests.fast_tier.guard import Guard
from tests.xdist_groups import bind

if TYPE_CHECKING:
    from _pytest.fixtures import SubRequest

# The longest first: with two workers, the shorter ones then fill up what is left. What isn't named here comes after.
LONGEST_FIRST = (
    "tests::airflow",
    "tests/reporting/endings::stack",
    # Shorter, but mostly idle: it runs while fast tests are left that can use the cores.
    "tests::airflow_apart",
    "tests::airflow_under_load",
    "tests/sandbox/test_run.py",
    "tests/api_server/api::fab",
)
# Each takes half a minute of a core to start. A test that needs other settings than these have finds one among them
# that can have them too, or another store or DAG in one of them.
MOST_AIRFLOWS = 7
# Of these, only the API server runs: one of an Airflow's four components.
API_SERVERS_ALONE = {"tests/api_server/api::simple_api_server", "tests/api_server/api::fab_api_server"}
# Files whose tests start an Airflow by themselves, and those that start a browser, or only commands of Airflow's.
STARTS_ONE = {"tests/sandbox/test_run.py"}
STARTS_NONE = {
    "tests/api_server/api/test_forged_requests.py",
    "tests/dag/test_bundle_in_airflow.py",
    "tests/page_in_browser/test_list.py",
    "tests/page_in_browser/test_tab.py",
    "tests/test_readme.py",
    "tests/api_server/watch/test_parse_requests.py",
}

# The fixture of a service in a process of its own, which each test asks for many things; also as a parameter.
SLOW = "s3"

# Tests that run with either auth manager have one of these parameters, and ask for its Airflow while they run.
BY_AUTH_MANAGER = {
    "airflow": "tests::airflow", "fab": "tests/api_server/api::fab",
    "simple": "tests/api_server/api::simple_api_server", "FAB": "tests/api_server/api::fab_api_server",
}  # fmt: skip


# Fixtures that import openmetadata-ingestion: the sandbox's server answers by its models.
OF_INGESTION = {"forked_ingestion", "openmetadata", "fresh_api", "isolated_python"}
# Of these, what one worker has imported is worth that all tests come to it.
ONE_FOR_ALL = ("forked_ingestion", "openmetadata")


def airflow_of(item: pytest.Function) -> str | None:
    """Return the name of the Airflow that a test needs, None where it needs none."""
    if item.get_closest_marker("e2e") is None:
        return None
    for value in item.callspec.params.values() if hasattr(item, "callspec") else ():
        if isinstance(value, str) and value in BY_AUTH_MANAGER:
            return BY_AUTH_MANAGER[value]
    # pytest has no public way to ask for the fixtures that hold for a test.
    for name, (*_, definition) in item._fixtureinfo.name2fixturedefs.items():
        # Others hand on an Airflow that one of these has started.
        if re.search(r"Iterator\[\S*AirflowStack\]", str(definition.func.__annotations__.get("return"))):
            return f"{definition.baseid}::{name}"
    # A browser, or an Airflow that the test itself starts.
    return item.nodeid.partition("::")[0]


def is_whole(airflow: str) -> bool:
    """Return whether it is a whole Airflow, and not an API server, a browser or commands alone: only two are alive."""
    return airflow not in STARTS_NONE | API_SERVERS_ALONE


def shared_by(item: pytest.Function) -> str | None:
    """Return the module of a test whose fixtures are set up once for several, or the fixture that all tests share."""
    for name in ONE_FOR_ALL:
        if name in item.fixturenames:
            return name
    scopes = {definition.scope for *_, definition in item._fixtureinfo.name2fixturedefs.values()}
    return None if scopes <= {"function", "session"} else item.nodeid.partition("::")[0]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ingestion: imports openmetadata-ingestion")
    config.addinivalue_line("markers", "slow: takes several seconds by itself")
    config.addinivalue_line(
        "markers",
        "together(name, seconds): runs at the same time as others of that name, or of its module, that are marked so "
        "too; the one of the most seconds begins first",
    )
    config.pluginmanager.register(Together(), "together")
    # Without xdist, no plugin declares this marker.
    config.pluginmanager.register(Living(), "living-airflows")
    config.pluginmanager.register(Guard(), "fast-tier")
    config.addinivalue_line("markers", "xdist_group(name): runs in one worker with the others of its group")


def pytest_itemcollected(item: pytest.Function) -> None:
    if not OF_INGESTION.isdisjoint(item.fixturenames):
        item.add_marker("ingestion")
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if SLOW in item.fixturenames or any(isinstance(each, str) and each == SLOW for each in parameters):
        item.add_marker("slow")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Put the tests of each Airflow together: after the fast ones, with xdist before them, so that they fill gaps."""
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    in_workers = hasattr(config, "workerinput")

    def place(item: pytest.Function) -> tuple[bool, int, str]:
        name = airflow_of(item)
        return (name is None) is in_workers, ranks.get(name or "", len(ranks)), name or ""

    items.sort(key=place)
    if in_workers and config.getoption("loadgroup"):
        give_way()
        for item in items:
            if (airflow := airflow_of(item)) is not None:
                bind(item, f"{END_TO_END}{airflow}" if is_whole(airflow) else airflow)
            elif (module := shared_by(item)) is not None:
                bind(item, module)


class Living:
    """The Airflows that fixtures have started and not stopped yet, each with its fixture."""

    def __init__(self) -> None:
        self._started: dict[AirflowStack, tuple[pytest.FixtureDef[Any], SubRequest]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: SubRequest
    ) -> Generator[None, object, object]:
        value = yield
        if isinstance(value, AirflowStack):
            # The first fixture that returns it has started it; others hand it on.
            self._started.setdefault(value, (fixturedef, request))
        return value

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Function, nextitem: pytest.Function | None
    ) -> Generator[None, None, None]:
        """Stop an Airflow after its last test: a fixture of the session would hold it to the end."""
        yield
        if nextitem is not None and airflow_of(nextitem) != airflow_of(item):
            while self._started:
                _, (definition, request) = self._started.popitem()
                definition.finish(request)
