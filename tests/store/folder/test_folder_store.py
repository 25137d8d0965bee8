import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import ConfigError, SettingsError, StoreError, StoreLockedError
from dag_factory.store import open_store
from dag_factory.store.folder.announcements import MAX_BYTES as MAX_ANNOUNCED_BYTES
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.listing import identities
from dag_factory.store.own_files import ANNOUNCED, LOCK, MARKER, NOTES, PENDING, is_own_file
from dag_factory.store.shards import Shard
from tests.unprivileged import nobody


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users reach as well, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def write(folder: Path, *keys: str, text: str = "{}") -> None:
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class TooLong(Exception):
    pass


@contextmanager
def interrupted_after(seconds: int) -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def problem_of(store: FolderStore, key: str) -> str:
    assert key in store.list_keys()
    with pytest.raises(ConfigError) as caught:
        store.read(key)
    return caught.value.problem


def test_a_location_is_opened_as_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "a.json")
    assert open_store(str(tmp_path)).list_keys() == ["a.json"]


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FolderStore("~/configs").root == tmp_path / "configs"
    for open_it in (FolderStore, open_store):
        with pytest.raises(SettingsError, match="config_store: the home folder in '~nosuchuser/x' is unknown"):
            open_it("~nosuchuser/x")


def test_configs_are_listed_by_their_suffix_in_sorted_order(store: FolderStore) -> None:
    configs = ["b.json", "a.yml", "C.YAML", "x/b.json", "x/y/a.json", "a/z.json", "defaults.yaml", "x/defaults.yaml"]
    write(store.root, *configs)
    write(store.root, "README.md", "a.txt", "json", "x/b.json.bak", "b.json~", "a.json.tmp")
    assert store.list_keys() == sorted(configs)


def test_hidden_files_and_folders_are_left_out(store: FolderStore) -> None:
    write(store.root, ".a.json", ".git/a.json", "x/.b.yaml", "x/.y/c.json", ".json", NOTES)
    assert store.list_keys() == []


def test_an_empty_folder_holds_no_configs(store: FolderStore) -> None:
    assert store.list_keys() == []


def test_what_is_listed_is_what_is_read(store: FolderStore) -> None:
    write(store.root, "a.json", "x/y/b.yaml", text="name: ä")
    assert [store.read(key) for key in store.list_keys()] == ["name: ä".encode()] * 2


def test_no_config_is_opened_to_list_it(public_folder: Path) -> None:
    write(public_folder, "a.json")
    (public_folder / "a.json").chmod(0)
    with nobody():
        assert FolderStore(public_folder).list_keys() == ["a.json"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_store_that_is_no_folder_is_an_error_that_names_the_setting(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "configs"
    if kind == "file":
        root.write_text("")
    with pytest.raises(StoreError, match=r"configs' is not a folder.*\[openmetadata_dag_factory\] config_store"):
        FolderStore(root).list_keys()
    with pytest.raises(StoreError, match="is not a folder"):
        FolderStore(root).write("sales/orders.json", b"{}")
    with pytest.raises(StoreError, match="is not a folder"), FolderStore(root).lock():
        pass


def test_a_store_that_may_not_be_listed_is_an_error(public_folder: Path) -> None:
    write(public_folder, "x/a.json")
    (public_folder / "x").chmod(0o111)
    with nobody(), pytest.raises(StoreError, match="x' can't be listed: Permission denied"):
        FolderStore(public_folder / "x").list_keys()


def test_a_store_behind_a_closed_folder_is_an_error(public_folder: Path) -> None:
    write(public_folder, "x/y/a.json")
    (public_folder / "x").chmod(0)
    with nobody(), pytest.raises(StoreError, match="y' can't be listed: Permission denied"):
        FolderStore(public_folder / "x" / "y").list_keys()


def test_a_subfolder_that_may_not_be_listed_is_left_out_alone(public_folder: Path) -> None:
    write(public_folder, "a.json", "x/b.json", "y/c.json")
    (public_folder / "x").chmod(0)
    with nobody():
        assert FolderStore(public_folder).list_keys() == ["a.json", "y/c.json"]


def test_a_link_into_a_folder_that_is_closed_stays_its_own_trouble(public_folder: Path) -> None:
    store = FolderStore(public_folder / "store")
    (public_folder / "closed" / "in").mkdir(parents=True)
    store.root.mkdir()
    (store.root / "a.json").write_text("{}")
    (store.root / "bad").symlink_to(public_folder / "closed" / "in")
    (public_folder / "closed").chmod(0)
    with nobody():
        assert store.list_keys() == ["a.json"]


def test_a_file_without_read_permission_is_a_broken_config(public_folder: Path) -> None:
    write(public_folder, "a.json")
    (public_folder / "a.json").chmod(0)
    with nobody():
        assert "can't be read: Permission denied" in problem_of(FolderStore(public_folder), "a.json")


@pytest.mark.parametrize("key", ["a.json", "x/a.json"])
def test_a_file_that_is_gone_is_a_key_error(store: FolderStore, key: str) -> None:
    with pytest.raises(KeyError):
        store.read(key)


def test_a_folder_with_the_name_of_a_config_is_a_broken_config(store: FolderStore) -> None:
    write(store.root, "a.json/b.json")
    assert store.list_keys() == ["a.json"]
    assert "is a folder" in problem_of(store, "a.json")


def test_a_folder_that_fails_to_be_listed_is_not_one_without_configs() -> None:
    # The folder of a process that has ended and was not waited for: its folder `net` is there, and can't be listed.
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(StoreError, match="can't be listed: Invalid argument"):
            FolderStore(f"/proc/{process.pid}").list_keys()


def test_a_pipe_with_the_name_of_a_config_does_not_block(store: FolderStore) -> None:
    os.mkfifo(store.root / "a.json")
    with interrupted_after(seconds=5):
        assert "not a regular file" in problem_of(store, "a.json")


def test_a_link_to_nothing_is_a_broken_config(store: FolderStore) -> None:
    (store.root / "a.json").symlink_to("gone.json")
    (store.root / "x").symlink_to("gone")
    assert store.list_keys() == ["a.json"]
    assert "broken link" in problem_of(store, "a.json")


def test_a_circular_link_is_a_broken_config(store: FolderStore) -> None:
    (store.root / "a.json").symlink_to("b.json")
    (store.root / "b.json").symlink_to("a.json")
    (store.root / "x").symlink_to("x")
    assert store.list_keys() == ["a.json", "b.json"]
    assert "can't be read" in problem_of(store, "a.json")


@pytest.mark.parametrize("target", [".", "..", "../..", "../../x"])
def test_a_link_to_a_folder_that_holds_it_ends(store: FolderStore, target: str) -> None:
    write(store.root, "x/y/a.json")
    (store.root / "x" / "y" / "loop").symlink_to(target)
    keys = store.list_keys()
    assert "x/y/a.json" in keys
    # A link to the root's own folders adds each of them once more at the most.
    assert len(keys) <= 2


def test_links_to_one_another_end(store: FolderStore) -> None:
    write(store.root, "x/a.json", "y/b.json")
    (store.root / "x" / "to_y").symlink_to("../y")
    (store.root / "y" / "to_x").symlink_to("../x")
    assert store.list_keys() == ["x/a.json", "y/b.json"]
    assert list(store.snapshot().ignored) == ["x/to_y", "y/to_x"]


def test_links_to_files_and_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    elsewhere, store = tmp_path / "elsewhere", FolderStore(tmp_path / "store")
    store.root.mkdir()
    write(elsewhere, "b.json", "c.json", text="1")
    (store.root / "x").symlink_to(elsewhere)
    (store.root / "a.json").symlink_to(elsewhere / "b.json")
    assert store.list_keys() == ["a.json", "x/b.json", "x/c.json"]
    assert store.read("a.json") == store.read("x/c.json") == b"1"


def test_a_kubernetes_config_map_is_read_and_an_update_is_seen_whole(store: FolderStore) -> None:
    def publish(version: str) -> None:
        write(store.root, f"..{version}/a.json", f"..{version}/b.yaml", text=version)
        (store.root / "..data_tmp").symlink_to(f"..{version}")
        (store.root / "..data_tmp").rename(store.root / "..data")

    publish("2024_01")
    for name in ("a.json", "b.yaml"):
        (store.root / name).symlink_to(f"..data/{name}")
    assert store.list_keys() == ["a.json", "b.yaml"]
    assert store.read("a.json") == b"2024_01"
    publish("2024_02")
    assert store.list_keys() == ["a.json", "b.yaml"]
    assert store.read("a.json") == b"2024_02"


def test_a_root_that_is_a_link_is_followed_as_git_sync_needs(tmp_path: Path) -> None:
    write(tmp_path, "one/a.json", "two/b.json")
    (tmp_path / "current").symlink_to("one")
    store = FolderStore(tmp_path / "current")
    assert store.list_keys() == ["a.json"]
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    assert store.list_keys() == ["b.json"]


def test_of_a_file_that_is_too_large_no_more_is_read_than_shows_it(store: FolderStore) -> None:
    with (store.root / "a.json").open("wb") as file:
        file.truncate(3 * MAX_BYTES)
    assert len(store.read("a.json")) == MAX_BYTES + 1


def test_a_name_that_is_not_utf_8_is_left_out(store: FolderStore) -> None:
    # It could not travel on to Airflow's database: not even an error about it could.
    write(store.root, "a.json")
    for name in (b"\xff.json", b"\xfe"):
        path = os.fsencode(store.root) + b"/" + name
        if name.endswith(b".json"):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        else:
            os.mkdir(path)  # noqa: PTH102
            os.close(os.open(path + b"/b.json", os.O_CREAT | os.O_WRONLY))
    assert store.list_keys() == ["a.json"]
    assert list(store.snapshot().ignored) == [os.fsdecode(name) for name in (b"\xfe", b"\xff.json")]


def test_any_other_name_is_fine(store: FolderStore) -> None:
    names = ["a b.json", "ü.json", "a'b\"c.yaml", "a\nb.json", "-rf.json", "[a](b).json", "x" * 250 + ".json"]
    write(store.root, *names)
    assert store.list_keys() == sorted(names)
    assert all(store.read(name) == b"{}" for name in names)


def test_folders_may_be_nested_very_deep(store: FolderStore) -> None:
    deepest = "/".join(["d"] * 600)
    folder = store.root
    for _ in range(6):
        folder = folder / "/".join(["d"] * 100)
        folder.mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    assert store.list_keys() == [f"{deepest}/a.json"]


def test_links_between_many_folders_list_each_folder_once(store: FolderStore) -> None:
    # Each folder holds two links to the next one: 2**40 paths lead to the last.
    for number in range(40):
        (store.root / f"f{number}").mkdir()
    for number in range(39):
        for name in ("left", "right"):
            (store.root / f"f{number}" / name).symlink_to(store.root / f"f{number + 1}")
    write(store.root, "f39/a.json")
    assert store.list_keys() == ["f39/a.json"]


def test_a_store_without_notes_recalls_nothing(store: FolderStore) -> None:
    assert store.recall("a") is None


def test_what_was_noted_is_recalled_by_whoever_opens_the_store_next(store: FolderStore) -> None:
    store.note({"a": "x/b.json", "c": "d.yaml"})
    again = FolderStore(store.root)
    assert (again.recall("a"), again.recall("c"), again.recall("b")) == ("x/b.json", "d.yaml", None)
    assert again.list_keys() == []


def test_notes_replace_those_before(store: FolderStore) -> None:
    store.note({"a": "b.json"})
    store.note({"c": "d.json"})
    assert (store.recall("a"), store.recall("c")) == (None, "d.json")
    store.note({})
    assert store.recall("c") is None


def test_notes_are_written_only_when_they_change_and_the_same_notes_are_the_same_bytes(store: FolderStore) -> None:
    def inode() -> int:
        return (store.root / NOTES).stat().st_ino

    store.note({"a": "1.json", "b": "2.json"})
    first, content = inode(), (store.root / NOTES).read_bytes()
    store.note({"b": "2.json", "a": "1.json"})
    assert inode() == first
    (store.root / NOTES).unlink()
    store.note({"b": "2.json", "a": "1.json"})
    assert (store.root / NOTES).read_bytes() == content


def test_nothing_to_note_leaves_no_file(store: FolderStore) -> None:
    store.note({})
    assert list(store.root.iterdir()) == []


def test_notes_are_replaced_and_never_rewritten(store: FolderStore) -> None:
    store.note({"a": "b.json"})
    with (store.root / NOTES).open() as open_before:
        store.note({"a": "c.json"})
        assert json.load(open_before) == {"a": "b.json"}
    assert [path.name for path in store.root.iterdir()] == [NOTES]


def test_the_marker_that_was_loaded_is_known_to_whoever_opens_the_store_next(store: FolderStore) -> None:
    assert store.loaded() is None
    marker = store.bump()
    assert store.loaded() is None
    store.note_loaded(marker)
    assert FolderStore(store.root).loaded() == marker
    assert FolderStore(store.root).marker() == marker
    assert store.list_keys() == []


def test_a_read_only_store_does_without_the_marker_that_was_loaded(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    store = FolderStore(public_folder)
    with nobody():
        store.note_loaded("any")
        assert store.loaded() is None


def test_other_users_read_the_notes_too(public_folder: Path) -> None:
    store = FolderStore(public_folder)
    store.note({"a": "b.json"})
    with nobody():
        assert store.recall("a") == "b.json"


def test_a_read_only_store_works_without_notes(public_folder: Path) -> None:
    write(public_folder, "a.json")
    public_folder.chmod(0o555)
    store = FolderStore(public_folder)
    with nobody():
        store.note({"a": "b.json"})
        assert store.recall("a") is None
        assert store.list_keys() == ["a.json"]


def test_notes_that_can_not_be_written_leave_nothing_behind(store: FolderStore) -> None:
    (store.root / NOTES / "in the way").mkdir(parents=True)
    store.note({"a": "b.json"})
    assert [path.name for path in store.root.iterdir()] == [NOTES]
    assert store.recall("a") is None


def test_notes_of_a_store_that_is_gone_are_no_error(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "gone")
    store.note({"a": "b.json"})
    assert store.recall("a") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"a"', b"\xff", b"\x00", b"[" * 100_000, b'{"a": ' * 100_000, b"1" * 5000],
    ids=lambda content: repr(content[:9]),
)
def test_corrupt_notes_are_harmless_and_mended(store: FolderStore, content: bytes) -> None:
    (store.root / NOTES).write_bytes(content)
    assert store.recall("a") is None
    store.note({"a": "b.json"})
    assert store.recall("a") == "b.json"


# Holds the lock, prints that it does, and releases it when asked to.
HOLDER = """
import sys
from dag_factory.store.folder.folder_store import FolderStore
with FolderStore(sys.argv[1]).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_the_lock_waits_for_another_process_and_is_free_when_that_is_killed(store: FolderStore) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(TooLong), interrupted_after(1), store.lock():
            pass
        holder.kill()
        with interrupted_after(20), store.lock():
            pass


def test_the_lock_holds_between_the_threads_of_a_process_too(store: FolderStore) -> None:
    with store.lock(), pytest.raises(TooLong), interrupted_after(1), FolderStore(store.root).lock():
        pass


def test_the_lock_of_a_store_is_no_config(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with store.lock():
        assert (store.root / LOCK).is_file()
        assert store.list_keys() == []


def test_a_store_that_can_not_be_locked_says_why(public_folder: Path) -> None:
    with (
        nobody(),
        pytest.raises(StoreError, match=r"can't be locked: Permission denied"),
        FolderStore(public_folder).lock(),
    ):
        pass


def test_a_lock_that_stays_taken_is_waited_for_no_longer_than_the_limit(store: FolderStore) -> None:
    with (
        store.lock(),
        pytest.raises(StoreLockedError, match=r"locked by another process.*Nothing has changed"),
        FolderStore(store.root, lock_seconds=0.1).lock(),
    ):
        pass


def test_a_writer_whose_lock_was_removed_changes_nothing_more(store: FolderStore) -> None:
    with pytest.raises(StoreError, match=r"removed, while it was locked. Config 'a.json' is as it was"), store.lock():
        (store.root / LOCK).unlink()
        with FolderStore(store.root).lock():
            store.write("a.json", b"{}")
    assert store.list_keys() == []


def test_a_change_without_a_marker_is_covered_by_whoever_leaves_the_lock_next(store: FolderStore) -> None:
    store.write("a.json", b"{}")
    before = store.bump()
    for change in (lambda: store.write("x/b.json", b"{}"), lambda: store.delete("a.json")):
        change()
        assert (store.root / PENDING).exists()
        other = FolderStore(store.root)
        with other.lock():
            assert other.marker() == before
        assert (other.marker() or "") > before
        assert not (store.root / PENDING).exists()
        before = other.marker() or ""
    assert store.announced() == {"a.json": None, **store.snapshot().revisions}


def test_a_change_without_a_marker_is_settled_unless_a_writer_is_at_work(store: FolderStore) -> None:
    assert not store.settle()
    store.write("a.json", b"{}")
    other = FolderStore(store.root)
    with store.lock():
        assert not other.settle()
        assert other.marker() is None
        store.bump()
    assert not other.settle()
    store.write("a.json", b"{ }")
    before = other.marker()
    assert other.settle()
    assert (other.marker() or "") > (before or "")


def test_a_marker_that_can_not_be_made_leaves_the_change_pending_and_says_so(store: FolderStore) -> None:
    (store.root / MARKER / "in the way").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"holds the change, but Airflow may not see it"), store.lock():
        store.write("a.json", b"{}")
        store.bump()
    with pytest.raises(StoreError, match=r"may hold a change, but Airflow may not see it"):
        store.settle()
    shutil.rmtree(store.root / MARKER)
    assert store.settle()
    assert store.marker() is not None


def test_a_change_that_was_not_made_is_not_pending_but_one_before_it_still_is(store: FolderStore) -> None:
    (store.root / "a.json" / "in the way").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"can't be written to .* It is as it was before"):
        store.write("a.json", b"{}")
    assert not (store.root / PENDING).exists()
    store.write("b.json", b"{}")
    with pytest.raises(StoreError, match="can't be removed from"):
        store.delete("a.json")
    assert store.settle()
    assert store.announced() == store.snapshot().revisions


def test_markers_are_ordered_whatever_the_clock_says(store: FolderStore) -> None:
    future = "7fffffff-0000-7000-8000-000000000000"
    (store.root / MARKER).write_text(future)
    assert store.bump() > future
    (store.root / MARKER).unlink()
    store.note_loaded(future)
    assert store.bump() > future


def test_each_shard_notes_its_own_load(store: FolderStore) -> None:
    marker = store.bump()
    store.note_loaded(marker, Shard(3, 64))
    assert store.loaded(Shard(3, 64)) == marker
    assert store.loaded(Shard(4, 64)) is store.loaded() is store.loaded(Shard(3, 65)) is None
    assert store.list_keys() == []


def test_a_marker_that_was_removed_is_followed_by_one_later_than_any_shard_has_seen(store: FolderStore) -> None:
    future = "7fffffff-0000-7000-8000-000000000000"
    store.note_loaded(future, Shard(3, 64))
    assert store.bump() > future


def test_new_files_of_the_dead_are_swept_and_those_of_the_living_are_not(store: FolderStore) -> None:
    dead, living = (store.root / f".{letter * 32}.new" for letter in "ab")
    persons = store.root / ".mine.new"
    for path in (dead, living, persons):
        path.write_text("")
    with living.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store.sweep()
        assert sorted(store.root.iterdir()) == [living, persons]
    store.write("a.json", b"{}")
    (store.root / f".{'c' * 32}.new").write_text("")
    with FolderStore(store.root).lock():
        pass
    assert {path for path in store.root.iterdir() if path.suffix == ".new"} == {persons}


def test_a_snapshot_has_another_revision_for_whatever_has_changed(store: FolderStore) -> None:
    write(store.root, "a.json", "x/b.json", "x/y/c.json", ".hidden.json")
    first = store.snapshot()
    assert sorted(first.revisions) == store.list_keys()
    assert list(first.folders) == [store.root, store.root / "x", store.root / "x" / "y"]
    assert store.snapshot() == first
    (store.root / "a.json").write_text("longer than before")
    (store.root / "x/b.json").chmod(0o400)
    second = store.snapshot()
    changed = {key for key, _ in first.revisions.items() ^ second.revisions.items()}
    assert changed == {"a.json", "x/b.json"}


def test_a_snapshot_follows_links_and_has_a_revision_for_what_can_t_be_read(store: FolderStore) -> None:
    write(store.root, "..1/a.json", "a.json")
    (store.root / "a.json").unlink()
    (store.root / "a.json").symlink_to("..1/a.json")
    first = store.snapshot().revisions
    (store.root / "..1" / "a.json").write_text("another one")
    assert store.snapshot().revisions != first
    (store.root / "..1" / "a.json").unlink()
    assert store.snapshot().revisions == {"a.json": "unreadable"}


def test_the_identities_of_folders_tell_when_one_is_another_one(store: FolderStore) -> None:
    write(store.root, "x/a.json")
    folders = store.snapshot().folders
    assert identities(folders) == folders
    (store.root / "x").rename(store.root / "y")
    assert identities(folders) == {store.root: folders[store.root]}


def test_a_marker_announces_what_was_written_before_it(store: FolderStore) -> None:
    store.write("a.json", b"1")
    assert store.announced() == {}
    store.bump()
    assert store.announced() == store.snapshot().revisions
    other = FolderStore(store.root)
    other.write("b.json", b"22")
    other.delete("a.json")
    other.bump({"c.json": "by hand"})
    assert store.announced() == {"a.json": None, "c.json": "by hand", **store.snapshot().revisions}
    assert (store.root / ANNOUNCED).stat().st_mode & 0o777 == 0o600


def test_announcements_that_are_torn_or_too_many_are_forgotten_and_harm_nobody(store: FolderStore) -> None:
    store.write("a.json", b"1")
    store.bump()
    with (store.root / ANNOUNCED).open("a") as file:
        file.write("\n[1]\n{\n" + "x" * MAX_ANNOUNCED_BYTES)
    assert list(store.announced()) == ["a.json"]
    store.bump({"b.json": "1"})
    assert store.announced() == {"b.json": "1"}
    (store.root / ANNOUNCED).unlink()
    (store.root / ANNOUNCED).mkdir()
    assert store.bump({"b.json": "2"}) == store.marker()
    assert store.announced() == {}


def test_what_somebody_has_written_into_the_announcements_is_held_to_what_a_writer_announces(
    store: FolderStore,
) -> None:
    store.write("a.json", b"1")
    store.bump()
    told = [[[1, 2]], [["b.json", 3]], {"c.json": 4, "../d.json": "1", "\0.json": "1", "\ud800.json": "1"}, "x", None]
    with (store.root / ANNOUNCED).open("a") as file:
        file.write("".join(f"\n{json.dumps(each)}" for each in told))
    assert list(store.announced()) == ["a.json"]


@pytest.mark.parametrize("path", ["\0/a.json", "\ud800/a.json", "a\0.json", "../../a.json", "/a.json"])
def test_a_note_of_a_change_or_of_a_place_that_is_no_key_stops_neither_a_deploy_nor_a_question(
    store: FolderStore, path: str
) -> None:
    (store.root / PENDING).write_text(json.dumps(path))
    (store.root / NOTES).write_text(json.dumps({"orders": path}))
    store.sweep()
    assert store.settle()
    store.write("a.json", b"1")
    assert store.bump() == store.marker()
    assert store.recall("orders") is None


def test_the_store_knows_which_names_it_gives_itself() -> None:
    assert is_own_file(".version")
    assert is_own_file(LOCK)
    assert is_own_file(".0a1b.new")
    assert is_own_file(".loaded_3_of_64")
    assert not is_own_file(".loaded_by_me")
    assert not is_own_file("..data")
    assert not is_own_file("a.new")


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty", "pipe"])
def test_a_link_or_a_pipe_in_place_of_a_note_is_not_read(store: FolderStore, target: str) -> None:
    for name in (MARKER, ".loaded", NOTES, ANNOUNCED, PENDING):
        if target == "pipe":
            os.mkfifo(store.root / name)
        else:
            (store.root / name).symlink_to(target)
    assert store.marker() is None
    assert store.loaded() is None
    assert store.recall("orders") is None
    assert store.announced() == {}


@contextmanager
def reader(pipe: Path) -> Iterator[None]:
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("is_read", [False, True])
def test_a_pipe_in_place_of_the_announcements_stops_no_deploy(store: FolderStore, is_read: bool) -> None:
    os.mkfifo(pipe := store.root / ANNOUNCED)
    with reader(pipe) if is_read else nullcontext(), interrupted_after(20):
        with store.lock():
            store.write("a.json", b"1")
            marker = store.bump()
        assert store.marker() == marker
    assert store.read("a.json") == b"1"


@pytest.mark.parametrize("kind", ["pipe", "pipe with a reader", "link", "folder"])
def test_a_deploy_that_can_note_no_change_says_what_is_in_the_way(store: FolderStore, kind: str) -> None:
    write(store.root, "a.json")
    path = store.root / PENDING
    if kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with reader(path) if kind == "pipe with a reader" else nullcontext(), interrupted_after(20):
        with pytest.raises(StoreError) as caught, store.lock():
            store.write("a.json", b"1")
        assert f"'{path}' is not a regular file, so remove it. It is as it was before." in str(caught.value)
        assert store.read("a.json") == b"{}"
        assert not (store.root / "elsewhere").exists()


def test_a_pipe_in_place_of_the_note_of_changes_is_gone_after_the_next_marker(store: FolderStore) -> None:
    os.mkfifo(store.root / PENDING)
    with interrupted_after(20):
        store.bump()
        store.write("a.json", b"1")
