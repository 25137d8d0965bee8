"""Links out of a store: followed within bounds, and each one's trouble is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dag_factory.store.folder import links
from dag_factory.store.folder.folder_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with a config of its own, and one behind a link."""
    store = FolderStore(tmp_path / "store")
    for folder in (store.root, tmp_path / "elsewhere"):
        folder.mkdir()
        (folder / "a.json").write_text("{}")
    (store.root / "good").symlink_to(tmp_path / "elsewhere")
    return store


def listed(store: FolderStore) -> tuple[list[str], dict[str, str]]:
    unlisted: dict[str, str] = {}
    return store.list_keys(unlisted), unlisted


WHOLE = ["a.json", "good/a.json"]


@pytest.mark.parametrize("target", ["/", "..", "../.."])
def test_a_link_to_a_folder_above_the_store_is_refused(store: FolderStore, target: str) -> None:
    (store.root / "bad").symlink_to(target)
    keys, unlisted = listed(store)
    assert keys == WHOLE
    assert list(unlisted) == ["bad"]
    assert "above the store" in unlisted["bad"]


def test_a_link_above_the_store_is_refused_behind_another_link_too(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "bad").symlink_to("/")
    keys, unlisted = listed(store)
    assert (keys, list(unlisted)) == (WHOLE, ["good/bad"])


def tree(root: Path, *, folders: int, files: int) -> Path:
    for number in range(folders):
        (root / f"{number}").mkdir(parents=True)
        for file in range(files):
            (root / f"{number}" / f"{file}.json").write_text("{}")
    return root


def test_a_link_to_more_than_one_loader_takes_brings_none_of_it(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_ENTRIES", 50)
    (store.root / "bad").symlink_to(tree(tmp_path / "huge", folders=10, files=10))
    keys, unlisted = listed(store)
    assert (keys, list(unlisted)) == (WHOLE, ["bad"])
    assert "More than 50 files and folders" in unlisted["bad"]
    # Neither is a folder of it watched.
    assert {folder.name for folder in store.snapshot().folders} == {"store", "good"}


def test_one_folder_without_end_is_not_read_to_its_end(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_ENTRIES", 50)
    (store.root / "bad").symlink_to(tree(tmp_path / "huge", folders=1, files=100) / "0")
    assert listed(store)[0] == WHOLE


def test_all_links_together_have_a_bound_too(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_OF_ALL", 150)
    for number in range(5):
        (store.root / f"link{number}").symlink_to(tree(tmp_path / f"tree{number}", folders=1, files=50))
    keys, unlisted = listed(store)
    assert len(keys) == 2 + 2 * 50
    assert list(unlisted) == ["link2", "link3", "link4"]
    assert "behind the links of the store" in unlisted["link4"]


def test_a_link_to_very_deep_folders_is_refused(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "deep" / "/".join("d" * links.MOST_DEPTH)).mkdir(parents=True)
    (store.root / "fits").symlink_to(tmp_path / "deep")
    assert listed(store) == (WHOLE, {})
    (tmp_path / "deeper" / "/".join("d" * (links.MOST_DEPTH + 1))).mkdir(parents=True)
    (store.root / "bad").symlink_to(tmp_path / "deeper")
    assert list(listed(store)[1]) == ["bad"]


@contextmanager
def ended_process() -> Iterator[int]:
    """A process that has ended and was not waited for: some of its folders are there, and can't be listed."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


def test_whatever_the_file_system_says_of_a_link_stays_its_own_trouble(store: FolderStore) -> None:
    with ended_process() as pid:
        (store.root / "bad").symlink_to(f"/proc/{pid}/net")
        keys, unlisted = listed(store)
    assert (keys, unlisted) == (WHOLE, {"bad": "Invalid argument"})


def test_whatever_the_file_system_says_of_a_folder_behind_a_link_stays_its_own_trouble(store: FolderStore) -> None:
    with ended_process() as pid:
        (store.root / "bad").symlink_to(f"/proc/{pid}")
        keys, unlisted = listed(store)
    assert (keys, unlisted["bad/net"]) == (WHOLE, "Invalid argument")


def test_a_link_to_the_processes_of_the_machine_ends(store: FolderStore) -> None:
    (store.root / "bad").symlink_to("/proc")
    keys, unlisted = listed(store)
    assert keys == WHOLE
    assert unlisted


def test_a_folder_of_the_store_s_own_is_listed_at_its_own_path_whatever_links_lead_there(store: FolderStore) -> None:
    (store.root / "z" / "y").mkdir(parents=True)
    (store.root / "z" / "y" / "b.json").write_text("{}")
    (store.root / "b").symlink_to("z/y")
    assert listed(store)[0] == [*WHOLE, "z/y/b.json"]
