"""A check, its findings, and how checks are run one after the other."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dag_factory.api_server.daemon_threads import DaemonThreads
from dag_factory.errors import DagFactoryError

if TYPE_CHECKING:
    from dag_factory.cli.checks.site import Site

Answer = TypeVar("Answer")


class Level(str, Enum):
    """The severity of a finding."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """It could not be looked at."""


@dataclass(frozen=True)
class Finding:
    """
    One thing that a check has found.

    :param text: a sentence without its full stop; it holds no secret
    :param way_out: what to do, as sentences; empty where all is well
    """

    level: Level
    text: str
    way_out: str = ""

    def __str__(self) -> str:
        return f"{self.text}. {self.way_out}".strip() if self.way_out else self.text


@dataclass(frozen=True)
class Check:
    """
    One check.

    :param look: returns its findings; may raise
    :param about: what it looks at, for the documentation
    :param needs: the names of checks without which it can't look, where these find nothing to look at
    :param seconds: its time limit
    """

    name: str
    about: str
    look: Callable[[Site], list[Finding]]
    needs: Sequence[str] = ()
    seconds: float = 20.0


@dataclass(frozen=True)
class Result:
    """The findings of a check, at least one, and the seconds that it took."""

    name: str
    findings: Sequence[Finding]
    seconds: float

    @property
    def can_look_further(self) -> bool:
        """Whether checks that need this one can look."""
        return all(each.level in (Level.OK, Level.WARN) for each in self.findings)


def ok(text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(Level.OK, text)


def warn(text: str, way_out: str) -> Finding:
    """Return a finding that should be looked at."""
    return Finding(Level.WARN, text, way_out)


def fail(text: str, way_out: str) -> Finding:
    """Return a finding that something does not work."""
    return Finding(Level.FAIL, text, way_out)


def unknown(text: str, way_out: str = "") -> Finding:
    """Return a finding that something could not be looked at."""
    return Finding(Level.UNKNOWN, text, way_out)


def split(level: Callable[[str, str], Finding], sentences: object) -> Finding:
    """Return a finding whose first sentence is what was found, and whose others are the way out."""
    text, _, way_out = str(sentences).partition(". ")
    return level(text.rstrip("."), f"{way_out.rstrip('.')}." if way_out else "")


def examine(checks: Iterable[Check], site: Site, names: Sequence[str] = ()) -> Iterator[Result]:
    """
    Run checks one after the other, and yield what they find. Never raises.

    :param names: of the checks that are asked for, all where none is named. What these need is run too, and yielded
        only where it is asked for
    """
    known = {check.name: check for check in checks}
    wanted = list(names) or list(known)
    done: dict[str, Result] = {}

    def run(name: str) -> Result:
        if name not in done:
            check = known[name]
            missing = next((other for other in check.needs if not run(other).can_look_further), None)
            done[name] = _needs(check, done[missing]) if missing is not None else _run(check, site)
        return done[name]

    for name in wanted:
        yield run(name)


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """
    Call a function within a time limit, and return its result.

    It runs in a thread. If it hangs, as on a network file system whose server is down, the thread is left behind.

    :raises TimeoutError: where it takes too long
    """
    answer = DaemonThreads(1, "openmetadata-check").submit(work)
    if not wait([answer], seconds).done:
        raise TimeoutError
    return answer.result()


def _needs(check: Check, other: Result) -> Result:
    return Result(check.name, [unknown(f"not looked at, since the check '{other.name}' has failed")], 0.0)


def _run(check: Check, site: Site) -> Result:
    began = time.monotonic()
    try:
        findings = within(check.seconds, lambda: check.look(site))
    except TimeoutError:
        findings = [unknown(f"no answer within {check.seconds:.0f} s", "Does a file system or a server hang?")]
    except DagFactoryError as error:
        findings = [split(fail, error)]
    except BaseException as error:  # noqa: BLE001 - one check's defect is its own; its text may quote a value
        findings = [unknown(f"the check itself has failed with {_where(error)}", "Please report this as a defect.")]
    return Result(check.name, findings or [ok("nothing to look at")], time.monotonic() - began)


def _where(error: BaseException) -> str:
    """Return the kind of an error, and the line of this package that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "dag_factory" in frame.filename] or frames
    at = f", {Path(ours[-1].filename).name} line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{at}"
