from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dag_factory.api_server.watch.leader_lock import LeaderLock, leading
from tests.waiting import wait_for

HOLD = """
import sys
from pathlib import Path
from dag_factory.api_server.watch.leader_lock import LeaderLock
with LeaderLock(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_one_process_has_it_and_the_next_one_gets_it_when_that_dies(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(BlockingIOError):
            LeaderLock(tmp_path)
        other.kill()
        other.wait()
    with LeaderLock(tmp_path) as lock:
        assert not lock.is_stale()
    assert list(tmp_path.iterdir()) == []


def test_it_is_stale_when_the_folder_is_another_one_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    with LeaderLock(folder) as lock:
        assert not lock.is_stale()
        folder.rename(tmp_path / "old")
        assert lock.is_stale()
        folder.mkdir()
        assert lock.is_stale()


def test_a_link_that_is_swapped_leads_to_another_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    with LeaderLock(link) as lock:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(link)
        assert lock.is_stale()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LeaderLock(tmp_path / "nothing")


def is_free(folder: Path) -> bool:
    try:
        with LeaderLock(folder):
            return True
    except BlockingIOError:
        return False


def test_one_that_is_taken_after_its_task_was_cancelled_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, may_go_on = threading.Event(), threading.Event()
    flock = fcntl.flock

    def slow(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        taken.set()
        assert may_go_on.wait(60)

    async def lead() -> None:
        async with leading(tmp_path):
            pytest.fail("it was cancelled before")

    async def story() -> None:
        leader = asyncio.create_task(lead())
        while not taken.is_set():
            await asyncio.sleep(0.01)
        leader.cancel()
        done, _ = await asyncio.wait([leader], timeout=60)
        assert done
        assert leader.cancelled()

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", slow)
        asyncio.run(story())
    assert not is_free(tmp_path)
    may_go_on.set()
    # Though the event loop is closed.
    wait_for(lambda: is_free(tmp_path))


def test_it_is_held_for_as_long_as_its_context_lasts(tmp_path: Path) -> None:
    async def story() -> None:
        async with leading(tmp_path) as lock:
            assert not lock.is_stale()
            assert not is_free(tmp_path)
            with pytest.raises(BlockingIOError):
                await leading(tmp_path).__aenter__()
        assert is_free(tmp_path)

    asyncio.run(story())
