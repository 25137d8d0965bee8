"""
Tests that run at the same time: each starts a run of its own and waits for it, and waiting costs nothing.

Those of a module, or of a class, that are marked ``together`` all run, in threads, when pytest comes to the first of
them; when it comes to the others, their outcome is known. So do those of any module that are marked with one name,
``together("name")``. They must get along with each other: by names of their own for their pipelines, and by leaving
alone what they share. Their arguments are parameters, ``tmp_path``, and fixtures of a wider scope than a test's. Where
they are of several modules, these fixtures are of the session's, or of a package that all of them are in. One that
takes much longer than the others has ``seconds=…``, and begins first.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

# About as many as an `AirflowStack` runs tasks at once, and some more: there is much to do before and after a run.
AT_ONCE = 8


class Together:
    """A plugin of pytest that runs the tests marked ``together``."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Future[None]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if pyfuncitem.get_closest_marker("together") is None:
            return None
        if pyfuncitem.nodeid not in self._outcomes:
            self._run([pyfuncitem, *others_of(pyfuncitem)])
        # A second run, with a plugin that makes one, is to be another one.
        self._outcomes.pop(pyfuncitem.nodeid).result()
        return True

    def _run(self, items: list[pytest.Function]) -> None:
        calls = [(item, arguments_of(item, items[0])) for item in items]
        pool = ThreadPoolExecutor(AT_ONCE)
        outcomes = {item.nodeid: pool.submit(item.obj, **arguments) for item, arguments in sorted(calls, key=place)}
        try:
            wait(outcomes.values())
        finally:
            # After Ctrl-C, those that have begun come to an end of their own.
            pool.shutdown(wait=False, cancel_futures=True)
        self._outcomes |= outcomes


def others_of(item: pytest.Function) -> list[pytest.Function]:
    """Return the other tests of this run that are to run together with one."""
    return [
        other
        for other in item.session.items
        if isinstance(other, pytest.Function)
        and other is not item
        and group_of(other) == group_of(item)
        and other.get_closest_marker("skip") is None
    ]


def group_of(item: pytest.Function) -> object:
    """Return what a test has in common with those that it runs together with, None for one that runs by itself."""
    marker = item.get_closest_marker("together")
    if marker is None:
        return None
    return marker.args[0] if marker.args else item.parent


def place(call: tuple[pytest.Function, object]) -> float:
    """Return where a test stands among those that run together, the longest first."""
    marker = call[0].get_closest_marker("together")
    return -marker.kwargs.get("seconds", 0) if marker is not None else 0


def arguments_of(item: pytest.Function, first: pytest.Function) -> Mapping[str, Any]:
    """
    Return what a test is called with.

    :param first: the test that pytest has come to, whose fixtures are set up
    :raises pytest.UsageError: for a fixture that pytest sets up only when it comes to the test, or to its module
    """
    request = first._request
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    arguments = {}
    for name in item._fixtureinfo.argnames:
        if name in parameters:
            arguments[name] = parameters[name]
        elif name == "tmp_path":
            folder: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
            arguments[name] = folder.mktemp(item.originalname)
        elif not is_shared(item._fixtureinfo.name2fixturedefs[name][-1], item, first):
            raise pytest.UsageError(
                f"{item.nodeid} can't run together with {first.nodeid}: each has a fixture '{name}' of its own. Give "
                "it the scope of the session, or of the package"
            )
        else:
            arguments[name] = request.getfixturevalue(name)
    return arguments


def is_shared(fixture: pytest.FixtureDef[Any], item: pytest.Function, first: pytest.Function) -> bool:
    """Return whether a fixture of a test has the same value for another test."""
    if item.parent is first.parent:
        return fixture.scope != "function"
    # The other test may have one of its own by this name.
    found = first.session._fixturemanager.getfixturedefs(fixture.argname, first)
    return fixture.scope in ("session", "package") and found is not None and found[-1] is fixture
