from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.api_server.watch.leader_lock import LeaderLock

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
