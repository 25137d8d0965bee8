from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import wait
from contextvars import ContextVar

import pytest

from dag_factory.api_server.daemon_threads import DaemonThreads
from tests.places import ROOT
from tests.waiting import wait_for

LIMIT = 60
NAME = "tested-threads"

HANGS = "import threading; hangs = threading.Event().wait\n"
HANGING_PROCESSES = {
    "a call's read": """
from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.api.store_threads import StoreThreads
async def work():
    try:
        await StoreThreads(0.1).read(hangs)
    except Refused:
        print("refused")
""",
    "the watcher": """
from dag_factory.api_server.watch.threads import in_thread
async def work():
    await asyncio.wait([in_thread(hangs)], timeout=0.1)
    print("refused")
""",
    "the page": """
from dag_factory.api_server.page.known_here import known_in_time
async def work():
    await known_in_time([], look=lambda _: hangs(), seconds=0.1)
    print("refused")
""",
}


def alive(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


@pytest.mark.parametrize("work", HANGING_PROCESSES.values(), ids=HANGING_PROCESSES.keys())
def test_a_process_ends_though_the_store_hangs(work: str) -> None:
    script = f"import asyncio\n{HANGS}{work}\nasyncio.run(work())\nprint('ended', flush=True)"
    # The work hangs for ever, so how long a process takes to end does not matter.
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    # Airflow logs to its standard output too.
    assert done.stdout.split()[-2:] == ["refused", "ended"]


def test_work_beyond_the_number_of_threads_waits() -> None:
    may_go_on, all_begun = threading.Event(), threading.Barrier(4)
    threads = DaemonThreads(3, "at-once")

    def work(number: int) -> int:
        if number < 3:
            all_begun.wait(LIMIT)
        assert may_go_on.wait(LIMIT)
        return number

    try:
        found = [threads.submit(work, number) for number in range(10)]
        all_begun.wait(LIMIT)
        assert [each.running() for each in found] == [True] * 3 + [False] * 7
        assert alive("at-once") == 3
        assert found[9].cancel()
    finally:
        may_go_on.set()
    assert [each.result(LIMIT) for each in found[:9]] == list(range(9))


def test_a_thread_without_work_ends_and_there_is_another_one_for_later_work() -> None:
    threads = DaemonThreads(1, "idle", idle_seconds=0.01)
    for _ in range(3):
        assert threads.submit(alive, "idle").result(LIMIT) == 1
        wait_for(lambda: alive("idle") == 0)


def test_work_that_comes_while_threads_end_is_done() -> None:
    threads = DaemonThreads(2, NAME, idle_seconds=0.0)
    found = [threads.submit(int) for _ in range(2000)]
    assert not wait(found, LIMIT).not_done


def test_what_goes_wrong_is_raised_where_it_is_waited_for_and_the_thread_goes_on() -> None:
    threads = DaemonThreads(1, NAME)

    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        threads.submit(fail).result(LIMIT)
    assert threads.submit(int, "7", base=8).result(LIMIT) == 7


def test_work_sees_the_context_variables_of_its_caller() -> None:
    name = ContextVar("name", default="nobody")
    name.set("somebody")
    assert DaemonThreads(1, NAME).submit(name.get).result(LIMIT) == "somebody"
