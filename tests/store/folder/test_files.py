from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_factory.store.folder.files import (
    UncertainError,
    is_there,
    read_own,
    remove,
    replace,
    revision_of,
    sweep,
    sync,
)


def test_a_file_is_on_disk_before_it_is_in_its_place_and_its_place_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(b"old")
    synced: list[tuple[str, bytes]] = []
    real = os.fsync

    def recorded(descriptor: int) -> None:
        real(descriptor)
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", recorded)
    replace(path, b"new", mode=0o600)
    sync(tmp_path)
    assert synced == [("file", b"old"), ("folder", b"new")]


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace(path, b"new", mode=0o600)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("orders.json", b"old")]


# Network file systems report errors of changes that they have made, and of looks.
BROKEN = OSError(5, "Input/output error")


def failing(real: Callable[..., object]) -> Callable[..., object]:
    """Return a function that does what another does, and then fails all the same."""

    def done(*arguments: object, **options: object) -> object:
        real(*arguments, **options)
        raise BROKEN

    return done


def refusing(*_: object, **__: object) -> object:
    raise BROKEN


def test_a_replacement_that_is_in_place_is_made_whatever_the_file_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.json"
    monkeypatch.setattr(Path, "replace", failing(Path.replace))
    assert replace(path, b"new", mode=0o600) == revision_of(path)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("orders.json", b"new")]


def test_one_that_is_not_in_place_has_failed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(OSError, match="Input/output error") as error:
        replace(tmp_path / "orders.json", b"new", mode=0o600)
    assert not isinstance(error.value, UncertainError)
    assert list(tmp_path.iterdir()) == []


def test_whether_it_is_in_place_may_be_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def replaced(path: Path, target: Path) -> object:
        real(path, target)
        monkeypatch.setattr(Path, "lstat", refusing)
        raise BROKEN

    monkeypatch.setattr(Path, "replace", replaced)
    with pytest.raises(UncertainError, match="Input/output error"):
        replace(tmp_path / "orders.json", b"new", mode=0o600)


def test_a_removal_counts_by_what_is_there_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "orders.json"
    assert remove(path) is False
    path.touch()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refusing)
        with pytest.raises(OSError, match="Input/output error") as error:
            remove(path)
        assert not isinstance(error.value, UncertainError)
        patched.setattr(Path, "lstat", refusing)
        with pytest.raises(UncertainError):
            remove(path)
    monkeypatch.setattr(Path, "unlink", failing(Path.unlink))
    assert remove(path) is True
    assert list(tmp_path.iterdir()) == []


def test_neither_a_pipe_nor_a_link_is_a_file_of_the_store_s_own(tmp_path: Path) -> None:
    pipe, link, file = (tmp_path / name for name in ("pipe", "link", "file"))
    os.mkfifo(pipe)
    file.write_bytes(b"0123456789")
    link.symlink_to(file)
    with pytest.raises(OSError, match="not a regular file"):
        read_own(pipe, 4)
    with pytest.raises(OSError, match="symbolic link"):
        read_own(link, 4)
    assert read_own(file, 4) == b"0123"


def test_a_sweep_takes_what_the_dead_have_left_and_nothing_else(tmp_path: Path) -> None:
    left, at_work = (tmp_path / f".{letter * 32}.new" for letter in "ab")
    others = [tmp_path / name for name in ("orders.json", ".notes.new", "x.new")]
    for path in (left, at_work, *others):
        path.touch()
    with at_work.open("wb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([at_work, *others])
    sweep(tmp_path / "missing")


def test_where_new_files_are_removed_at_once_a_write_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swept(*_: object) -> None:
        for path in tmp_path.glob(".*.new"):
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", swept)
    with pytest.raises(OSError, match="removed as soon as they are made"):
        replace(tmp_path / "orders.json", b"new", mode=0o600)


def test_whether_a_file_is_there_may_be_beyond_finding_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "orders.json"
    path.touch()
    assert is_there(path)
    assert not is_there(path / "below")
    path.unlink()
    path.symlink_to("nowhere")
    assert is_there(path)
    assert revision_of(path) == "unreadable"
    monkeypatch.setattr(Path, "lstat", refusing)
    with pytest.raises(OSError, match="Input/output error"):
        is_there(path)
