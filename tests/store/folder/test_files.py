from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dag_factory.store.folder.files import replace, sync


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
