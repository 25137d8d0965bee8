"""A known store, a new one, none, and another one: what a store's own operations make of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import MissingStoreError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Known, Memory
from dag_factory.store.own_files import IDENTITY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "state", "/store")


@pytest.fixture
def known(root: Path, memory: Memory) -> FolderStore:
    """A store that is known and holds a config."""
    store = FolderStore(root, memory)
    with store.lock():
        store.write("a.json", b"{}")
        store.bump()
    return store


@pytest.mark.parametrize("operation", ["check", "list", "remember"])
def test_a_folder_in_place_of_the_id_is_a_store_that_can_not_be_read(
    root: Path, memory: Memory, operation: str
) -> None:
    (root / IDENTITY).mkdir()
    with pytest.raises(MissingStoreError, match=r"can't be listed: Is a directory\. Is it mounted\?"):
        OPERATIONS[operation](FolderStore(root, memory))
    assert memory.known() is None


def unmount(root: Path) -> None:
    root.rename(root.with_name("away"))
    root.mkdir()


def locked(store: FolderStore) -> None:
    with store.lock():
        pass


OPERATIONS: dict[str, Callable[[FolderStore], object]] = {
    "list": lambda store: store.list_keys(),
    "look": lambda store: store.snapshot(),
    "write": lambda store: store.write("b.json", b"{}"),
    "delete": lambda store: store.delete("a.json"),
    "lock": locked,
    "bump": lambda store: store.bump(),
    "remember": lambda store: store.remember(),
    "check": lambda store: store.check(),
}


@pytest.mark.parametrize("way", ["empty", "other id", "gone", "file", "same configs without an id"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_done_with_what_is_not_the_known_store_and_nothing_is_made_there(
    known: FolderStore, memory: Memory, root: Path, operation: str, way: str
) -> None:
    unmount(root)
    if way == "other id":
        (root / ".store").write_text("another")
    elif way == "same configs without an id":
        shutil.copy(root.with_name("away") / "a.json", root)
    elif way in ("gone", "file"):
        root.rmdir()
        if way == "file":
            root.touch()
    before = sorted(root.rglob("*"))
    for store in (known, FolderStore(root, memory)):
        with pytest.raises(MissingStoreError, match="config_store"):
            OPERATIONS[operation](store)
        store.note({"x": "y.json"})
        store.note_loaded("marker")
    assert sorted(root.rglob("*")) == before


def test_a_store_that_is_back_is_used_as_before(known: FolderStore, root: Path) -> None:
    unmount(root)
    with pytest.raises(MissingStoreError):
        known.list_keys()
    root.rmdir()
    root.with_name("away").rename(root)
    assert known.list_keys() == ["a.json"]
    known.write("b.json", b"{}")


def test_a_store_whose_files_were_all_deleted_is_empty_and_not_missing(known: FolderStore, root: Path) -> None:
    (root / "a.json").unlink()
    assert known.list_keys() == []


def test_a_store_that_is_unmounted_while_it_is_locked_takes_no_change(known: FolderStore, root: Path) -> None:
    with known.lock():
        unmount(root)
        for change in (lambda: known.write("b.json", b"{}"), lambda: known.delete("a.json"), known.bump):
            with pytest.raises(MissingStoreError):
                change()
    assert list(root.iterdir()) == []


def test_an_empty_folder_that_was_taken_for_a_new_store_gives_way_to_what_is_mounted_there(
    root: Path, memory: Memory
) -> None:
    FolderStore(root, memory).bump()
    unmount(root)
    (root / ".store").write_text("the volume")
    (root / "a.json").write_text("{}")
    store = FolderStore(root, memory)
    assert store.list_keys() == ["a.json"]
    store.remember()
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(MissingStoreError):
        store.list_keys()


def test_the_message_has_a_way_out_that_works(known: FolderStore, memory: Memory, root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(MissingStoreError, match=f"adopt-store.*'{memory.path}'"):
        known.check()
    memory.path.unlink()
    assert known.list_keys() == []
    assert FolderStore(root, memory).list_keys() == []


def test_a_machine_that_never_knew_the_store_takes_one_that_holds_nothing_at_all_for_missing(root: Path) -> None:
    with pytest.raises(MissingStoreError, match="Is it mounted here"):
        FolderStore(root).confirm_absence()
    (root / "defaults.yaml").touch()
    FolderStore(root).confirm_absence()


def test_a_folder_that_can_not_be_opened_may_be_unmounted(known: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def stale(path: object, *arguments: Any, **options: Any) -> int:
        if path == known.root:
            raise OSError(116, "Stale file handle")
        return real(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", stale)
    with pytest.raises(MissingStoreError, match=r"can't be listed: Stale file handle\. Is it mounted\?"):
        known.remember()


def test_a_store_that_can_not_be_given_an_id_works_without(
    root: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.json").write_text("{}")
    real = os.open

    def read_only(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).endswith(".new"):
            raise OSError(30, "Read-only file system")
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", read_only)
    store = FolderStore(root, memory)
    store.remember()
    assert memory.known() == Known(None, is_empty=False)
    assert store.list_keys() == ["a.json"]


Step = Callable[[], object]


def nothing() -> None:
    pass


def mount(root: Path) -> None:
    root.rmdir()
    root.with_name("away").rename(root)


@pytest.fixture
def around_openings(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do something before and after the next openings of the folder: one pair of steps for each."""

    def plan(*steps: tuple[Step, Step]) -> None:
        left, real = list(steps), os.open

        def opened(path: Any, *arguments: Any, **options: Any) -> int:
            before, after = left.pop(0) if path == root and left else (nothing, nothing)
            before()
            descriptor = real(path, *arguments, **options)
            after()
            return descriptor

        monkeypatch.setattr(os, "open", opened)

    return plan


def test_a_store_that_is_unmounted_just_before_it_is_listed_is_not_remembered_as_empty(
    known: FolderStore, memory: Memory, root: Path, around_openings: Callable[..., None]
) -> None:
    before = memory.known()
    around_openings((nothing, lambda: unmount(root)))
    with pytest.raises(MissingStoreError, match="not the one that this Airflow knows"):
        known.remember()
    assert memory.known() == before
    assert before is not None
    assert not before.is_empty
    with pytest.raises(MissingStoreError):
        FolderStore(root, memory).bump()
    assert list(root.iterdir()) == []


def test_a_store_that_is_mounted_just_before_it_is_listed_gives_its_mount_point_no_id(
    root: Path, memory: Memory, around_openings: Callable[..., None]
) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "a.json").write_text("{}")
    root.rename(root.with_name("away"))
    root.mkdir()
    point = root.with_name("point")

    def mounted() -> None:
        root.rename(point)
        root.with_name("away").rename(root)

    store = FolderStore(root, memory)
    around_openings((nothing, mounted))
    store.remember()
    assert list(point.iterdir()) == []
    assert memory.known() == Known((root / IDENTITY).read_text().strip(), is_empty=False)


def test_a_store_that_is_unmounted_for_the_time_of_a_listing_is_listed_again(
    known: FolderStore, root: Path, around_openings: Callable[..., None]
) -> None:
    around_openings((nothing, lambda: unmount(root)), (lambda: mount(root), nothing))
    assert known.list_keys() == ["a.json"]


def test_a_folder_that_is_replaced_at_each_look_is_not_taken_for_anything(
    known: FolderStore, root: Path, around_openings: Callable[..., None]
) -> None:
    around_openings(*[(nothing, lambda: unmount(root)), (lambda: mount(root), nothing)] * 3)
    with pytest.raises(MissingStoreError, match=r"was replaced while it was looked at\. Is it being mounted\? Retry"):
        known.list_keys()


@pytest.mark.parametrize("first", ["nothing", "an empty folder"])
@pytest.mark.parametrize("has_id", [True, False])
def test_a_store_whose_configs_were_listed_is_known_though_it_was_unmounted_before_it_could_be_remembered(
    root: Path, memory: Memory, has_id: bool, first: str
) -> None:
    if first == "an empty folder":
        FolderStore(root, memory).remember()
    (root / "a.json").write_text("{}")
    if has_id:
        (root / IDENTITY).write_text("the volume")
    store = FolderStore(root, memory)
    assert store.list_keys() == ["a.json"]
    unmount(root)
    for operation in OPERATIONS.values():
        with pytest.raises(MissingStoreError):
            operation(store)
    assert memory.known() == Known("the volume" if has_id else None, is_empty=False)
    with pytest.raises(MissingStoreError):
        FolderStore(root, memory).list_keys()
    assert list(root.iterdir()) == []
    mount(root)
    store.remember()
    assert memory.known() == Known((root / IDENTITY).read_text().strip(), is_empty=False)


def test_a_store_that_nobody_knows_yet_takes_no_change_where_it_is_unmounted_while_it_is_being_locked(
    root: Path, memory: Memory, around_openings: Callable[..., None]
) -> None:
    (root / IDENTITY).write_text("the volume")
    around_openings((nothing, nothing), (lambda: unmount(root), nothing))
    with pytest.raises(MissingStoreError, match=r"replaced while it was being locked\. Nothing has changed\. Retry"):
        FolderStore(root, memory).bump()
    assert not (root / ".version").exists()
