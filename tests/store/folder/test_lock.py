from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from dag_factory.store.folder.lock import locked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


def test_one_holds_it_at_a_time_and_others_wait_no_longer_than_they_want(path: Path) -> None:
    with locked(path, 0) as lock:
        assert lock.is_valid()
        with pytest.raises(TimeoutError, match="not free within 0 s"), locked(path, 0):
            pass
    with locked(path, 0):
        pass


def test_who_waits_has_it_once_it_is_free(path: Path) -> None:
    held = threading.Event()

    def wait() -> None:
        with locked(path, 60):
            held.set()

    waiting = threading.Thread(target=wait)
    with locked(path, 0):
        waiting.start()
        assert not held.wait(0.05)
    waiting.join(60)
    assert held.is_set()


def test_it_holds_no_longer_where_its_file_is_removed_replaced_or_out_of_reach(path: Path) -> None:
    with locked(path, 0) as lock:
        path.rename(path.with_name("away"))
        assert not lock.is_valid()
        path.touch()
        assert not lock.is_valid()
        path.unlink()
        path.parent.rename(path.parent.with_name("moved"))
        path.parent.write_text("a file where the folder was")
        assert not lock.is_valid()


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock
    removals = [path.unlink]

    def removed(descriptor: int, operation: int) -> None:
        if removals:
            removals.pop()()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed)
    with locked(path, 60) as lock:
        assert not removals
        assert lock.is_valid()


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"), locked(path, 0):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_locks_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(OSError, match="Operation not supported"), locked(path, 60):
        pass
