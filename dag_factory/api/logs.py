"""The log of a pipeline's last run, in pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from dag_factory.api.answers import Refused, refusals
from dag_factory.api.calls import NameParameter, RunIdParameter
from dag_factory.api.context import CallerDep, Context, ContextDep, unknown
from dag_factory.api.rest import Caller, dag_path
from dag_factory.api.run_list import checked_run_id, find_run, find_runs
from dag_factory.plain_text import without_terminal_codes

router = APIRouter()

PAGE_CHARACTERS = 1_000_000
LONGEST_LINE = 256 * 1024

# Before it runs, there is no log to wait for.
_NOT_STARTED = frozenset({None, "none", "scheduled", "queued"})
_PASSED_OVER = frozenset({"skipped", "upstream_failed", "removed"})
_EVER = "1970-01-01T00:00:00Z"


@router.get("/last_dag_logs", responses=refusals(400, 401, 403, 404, 500, 503))
async def last_dag_logs(  # noqa: PLR0913, PLR0917 - the parameters of the call
    name: NameParameter,
    caller: CallerDep,
    context: ContextDep,
    task_id: Annotated[str, Query(max_length=250)],
    # Older servers send nothing in it for the first page.
    after: Annotated[Annotated[int, Field(ge=0, le=10**9)] | Literal[""], Query()] = 0,
    wanted: RunIdParameter = None,
) -> dict[str, Any]:
    """
    Return one page of the log of a task's last try in the last run that has started, also while it runs.

    With a ``run_id``, Airflow's or the one that the run reports under, it is the log of that run. Pages are counted
    from 0 and hold about a megabyte of whole lines each; ``total`` says how many there are now, and ``after`` which is
    next. A page that another one follows ends with the end of a line.
    """
    dag_id = await context.pipeline(caller, name, "GET", run=True)
    number = after or 0
    run = await _run(context, caller, dag_id, checked_run_id(wanted))
    if run is None:
        return {task_id: "No run has started yet.", "total": 1}
    run_id = run["dag_run_id"]
    task = await _task(caller, dag_id, run_id, task_id)
    if task is None or task["state"] in _NOT_STARTED:
        return {task_id: "The task has not started yet.", "total": 1}
    if _was_passed_over(task):
        return {task_id: "The task was ended before it started, so it has no log.", "total": 1}
    path = dag_path(dag_id, "dagRuns", run_id, "taskInstances", task["task_id"], "logs", str(task["try_number"]))
    pager = await page_of(caller, path, number)
    if number >= pager.total:
        raise Refused(404, f"The log has {pager.total} pages, counted from 0.")
    following = {"after": number + 1} if number + 1 < pager.total else {}
    return {task_id: pager.text, "total": pager.total, **following}


async def page_of(caller: Caller, path: str, number: int) -> Pager:
    """Read the log at a path of ``/api/v2`` and return one of its pages. No more than that is held at any time."""
    pager = Pager(number)
    async with caller.stream(path, "application/x-ndjson", params={"full_content": "true"}) as answer:
        async for line in lines(answer.aiter_bytes()):
            if (text := readable(line)) is not None:
                pager.add(text)
    return pager


class Pager:
    """
    Cuts lines into pages and keeps one of them: where a log grows, its earlier pages stay as they were.

    :param wanted: number of the page that is kept, from 0
    """

    def __init__(self, wanted: int, size: int = PAGE_CHARACTERS) -> None:
        self._wanted = wanted
        self._size = size
        self._page = 0
        self._filled = 0
        self._kept: list[str] = []

    def add(self, line: str) -> None:
        """Take the next line."""
        if self._filled and self._filled + len(line) + 1 > self._size:
            self._page += 1
            self._filled = 0
        self._filled += len(line) + 1
        if self._page == self._wanted:
            self._kept.append(line)

    @property
    def text(self) -> str:
        """The page that is kept; put together as they are, the pages are the log."""
        text = "\n".join(self._kept)
        return f"{text}\n" if self._page > self._wanted else text

    @property
    def total(self) -> int:
        """The number of pages, at least one."""
        return self._page + 1


async def lines(pieces: AsyncIterator[bytes], longest: int = LONGEST_LINE) -> AsyncIterator[bytes]:
    """Yield the lines of a stream without their ends; of one that is longer than may be, only the beginning."""
    line = b""
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            yield (line + end)[:longest]
            line = b""
        line = (line + rest)[:longest]
    if line:
        yield line


def readable(line: bytes) -> str | None:
    """Return an entry of Airflow's log, a JSON object, as the lines that a person reads; None where there are none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return without_terminal_codes(line.decode(errors="replace"))
    event = str(entry.get("event", ""))
    if event == "::endgroup::":
        return None
    # Older runs, and what programs of a task print, have them.
    event = without_terminal_codes(event.removeprefix("::group::"))
    head = [str(entry[name]) for name in ("timestamp", "level") if entry.get(name)]
    text = [" ".join([f"[{head[0]}]", *(part.upper() for part in head[1:]), "-", event]) if head else event]
    for error in entry.get("error_detail") or []:
        text += [
            f"  File {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in error.get("frames") or []
        ]
        text.append(f"  {error.get('exc_type')}: {error.get('exc_value')}")
    return "\n".join(text)


async def _run(context: Context, caller: Caller, dag_id: str, run_id: str | None) -> dict[str, Any] | None:
    """Return the run that is asked for, else the last one that has started; None where none has."""
    if run_id is not None:
        return await find_run(caller, dag_id, run_id)
    # Databases don't agree whether those without a start come first or last.
    started = await find_runs(caller, dag_id, start_date_gte=_EVER, order_by="-start_date", limit=1)
    if started is None and not await context.is_stored(dag_id):
        raise unknown(dag_id)
    return started[0] if started else None


async def _task(caller: Caller, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
    """Return the task of a run that the server asks for; a run of one other task, such as a placeholder's, has that."""
    answer = await caller.ask("GET", dag_path(dag_id, "dagRuns", run_id, "taskInstances"))
    tasks: list[dict[str, Any]] = answer["task_instances"]
    named = [task for task in tasks if task["task_id"] == task_id]
    if not named and len(tasks) != 1:
        return None
    return (named or tasks)[0]


def _was_passed_over(task: dict[str, Any]) -> bool:
    """Return whether a task has ended and no worker has ever begun it; what Airflow says then is no log."""
    return not task["try_number"] or (task["state"] in _PASSED_OVER and not task["hostname"])
