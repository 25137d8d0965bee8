"""Copies of good configs: which are there, what a crash leaves of them, and when they go."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dag_factory.store.copies import bucket_of
from dag_factory.store.folder.access import Access
from dag_factory.store.folder.copy_files import entries_in, remove
from dag_factory.store.folder.folder_copies import FolderLastGood
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.shards import WHOLE
from tests.kills import killed_before


def version(dag_id: str = "orders", key: str | None = None, **fields: Any) -> Version:
    return Version(dag_id, key or f"{dag_id}.json", {"name": dag_id, **fields})


def keep(
    copies: FolderLastGood,
    good: Sequence[Version],
    in_use: InUse | None = None,
    *,
    complete: bool = True,
    later: float = 60,
    seconds: float = 60,
) -> None:
    """Keep what a load has found that began a while after the last one."""
    copies.keep(good, in_use or InUse(), since=time.time() + later, complete=complete, seconds=seconds)


def files(copies: FolderLastGood) -> list[Path]:
    return sorted(copies.folder.glob("??/*"))


@pytest.fixture
def copies(tmp_path: Path) -> FolderLastGood:
    return FolderLastGood(tmp_path / ".last_good")


def test_what_is_kept_is_found_by_its_dag_id_and_by_its_key(copies: FolderLastGood) -> None:
    kept = [version("orders", "sales/orders.yaml", a=[1, 2.5, None, True, "ü"]), version("refunds")]
    keep(copies, kept)
    assert copies.find("orders") == kept[0]
    assert copies.copies().of_key("refunds.json") == kept[1]
    assert copies.copies().of_id("orders") == kept[0]
    assert copies.find("others") is copies.copies().of_key("others.json") is None
    assert sorted(each.dag_id for each in copies.copies().all()) == ["orders", "refunds"]


def test_nothing_is_found_where_nothing_was_ever_kept(copies: FolderLastGood) -> None:
    assert copies.find("orders") is None
    assert list(copies.copies().all()) == []
    copies.forget("orders")
    assert not copies.folder.exists()


@pytest.mark.parametrize("dag_id", ["../../etc/passwd", "a.b", "", ".", "a/b", "x" * 5000, "ü", "\x00"])
def test_an_id_that_no_config_can_have_leads_nowhere(copies: FolderLastGood, dag_id: str) -> None:
    keep(copies, [version()])
    assert copies.find(dag_id) is None
    copies.forget(dag_id)
    assert len(files(copies)) == 1


def test_ids_as_long_as_airflow_takes_them_are_told_apart(copies: FolderLastGood) -> None:
    kept = [version("x" * 249 + end, "k" * 900 + f"{end}.json") for end in "ab"]
    keep(copies, kept)
    assert [copies.find(each.dag_id) for each in kept] == kept
    assert all(len(path.name) < 255 for path in files(copies))


def test_a_new_version_takes_the_place_of_the_old_one(copies: FolderLastGood) -> None:
    keep(copies, [version(a=1)])
    keep(copies, [version(a=2)])
    assert copies.find("orders") == version(a=2)
    assert len(files(copies)) == 1


def test_a_config_that_was_moved_has_one_copy(copies: FolderLastGood) -> None:
    keep(copies, [version(key="a.yaml")])
    keep(copies, [version(key="b/a.yaml")])
    assert copies.find("orders") == version(key="b/a.yaml")
    assert copies.copies().of_key("a.yaml") is None


def test_what_has_not_changed_is_neither_opened_nor_written(copies: FolderLastGood) -> None:
    kept = [version(f"n{number}") for number in range(20)]
    keep(copies, kept)
    before = {path: path.stat().st_ino for path in files(copies)}
    script = (
        "import sys, time; opened = []\n"
        "from pathlib import Path; from dag_factory.store.last_good import *\n"
        "from dag_factory.store.folder.folder_copies import *\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        f"good = [Version(f'n{{n}}', f'n{{n}}.json', {{'name': f'n{{n}}'}}) for n in range(20)]\n"
        f"FolderLastGood(Path({str(copies.folder)!r})).keep(good, InUse(), since=time.time() + 60, complete=True)\n"
        "print(opened)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([str(copies.folder / ".lock")])
    assert {path: path.stat().st_ino for path in files(copies)} == before


def test_the_copy_of_a_config_that_is_gone_goes(copies: FolderLastGood) -> None:
    keep(copies, [version("a"), version("b")])
    keep(copies, [version("b")])
    assert copies.find("a") is None
    assert copies.find("b") == version("b")
    keep(copies, [])
    assert files(copies) == []


def test_a_list_that_lacks_some_configs_removes_no_copy(copies: FolderLastGood) -> None:
    keep(copies, [version("a"), version("b")])
    keep(copies, [version("b", x=2)], complete=False)
    assert copies.find("a") == version("a")
    assert copies.find("b") == version("b", x=2)


@pytest.mark.parametrize("in_use", [InUse(dag_ids={"a"}), InUse(keys={"a.json"})])
def test_the_copy_of_a_broken_config_stays(copies: FolderLastGood, in_use: InUse) -> None:
    keep(copies, [version("a"), version("b")])
    keep(copies, [], in_use)
    assert copies.find("a") == version("a")
    assert copies.find("b") is None


def test_a_copy_that_is_newer_than_the_list_of_the_configs_stays(copies: FolderLastGood) -> None:
    keep(copies, [version("a"), version("b", x=2)])
    keep(copies, [version("b", x=1)], later=-60)  # a load that began before
    assert copies.find("a") == version("a")
    assert len(files(copies)) == 3


def test_what_is_forgotten_is_gone(copies: FolderLastGood) -> None:
    keep(copies, [version("a"), version("b")])
    copies.forget("a")
    assert copies.find("a") is None
    assert copies.find("b") == version("b")


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_a_link(path: Path) -> None:
    path.symlink_to(path.rename(path.parent / "x"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(bytes(path.stat().st_size)),
        lambda path: path.write_text('{"dag_id": "orders", "key": "orders.json", "document": {}}'),
        make_a_folder,
        make_a_pipe,
        make_a_link,
    ],
)
def test_a_torn_copy_is_ignored(copies: FolderLastGood, spoil: Any) -> None:
    keep(copies, [version()])
    spoil(files(copies)[0])
    assert copies.find("orders") is None
    assert copies.copies().of_key("orders.json") is None


def test_an_older_copy_serves_where_the_newest_is_torn(copies: FolderLastGood) -> None:
    keep(copies, [version(a=1)])
    keep(copies, [version(a=2)], later=-60)
    newest = max(files(copies), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(b"")
    assert copies.find("orders") == version(a=1)


def test_a_copy_that_is_shorter_than_it_should_be_is_written_anew(copies: FolderLastGood) -> None:
    keep(copies, [version()])
    files(copies)[0].write_bytes(b"{")
    keep(copies, [version()])
    assert copies.find("orders") == version()


def test_a_copy_is_as_readable_as_what_it_was_made_of(copies: FolderLastGood) -> None:
    for access, mode in ((Access(), 0o600), (Access(0o644, os.getgid()), 0o644), (Access(0o640, os.getgid()), 0o640)):
        keep(copies, [replace(version(), access=access)])
        (copy,) = files(copies)
        assert copy.stat().st_mode & 0o777 == mode
        assert copy.stat().st_gid == os.getgid()


def test_a_folder_that_can_not_be_written_to_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dag_factory")
    (tmp_path / "file").touch()
    copies = FolderLastGood(tmp_path / "file")
    keep(copies, [version(f"n{number}") for number in range(50)])
    assert len(caplog.records) == 1
    assert copies.find("n1") is copies.copies().of_key("n1.json") is None
    keep(FolderLastGood(tmp_path / "missing" / ".last_good"), [version()])
    assert not (tmp_path / "missing").exists()


def test_writing_ends_when_a_load_has_no_more_time_for_it(copies: FolderLastGood) -> None:
    kept = [version(f"n{number}") for number in range(10)]
    keep(copies, kept, seconds=-1)
    assert files(copies) == []
    keep(copies, kept)
    assert len(files(copies)) == 10


def test_what_a_killed_load_has_left_is_removed_once_it_is_old(copies: FolderLastGood) -> None:
    keep(copies, [version()])
    (bucket,) = copies.folder.glob("??")
    young, old = bucket / ".1.new", bucket / ".2.new"
    young.touch()
    old.touch()
    os.utime(old, (1, 1))
    keep(copies, [version()])
    assert young.exists()
    assert not old.exists()


@pytest.mark.slow
def test_a_load_that_is_killed_at_any_step_leaves_each_config_a_copy(tmp_path: Path) -> None:
    killed = 0
    for step in range(1, 60):
        copies = FolderLastGood(tmp_path / str(step))
        keep(copies, [version(f"n{number}", v=1) for number in range(4)])
        second = [replace(version(f"n{number}", v=2), access=Access(0o644, os.getgid())) for number in range(1, 5)]
        load = partial(FolderLastGood(copies.folder).keep, second, InUse(), since=time.time() + 60, complete=True)
        is_killed = killed_before(step, load)
        for number in range(1, 4):
            found = copies.find(f"n{number}")
            assert found is not None
            assert found.document["v"] in (1, 2)
        # The next load ends what this one has begun.
        keep(copies, [version(f"n{number}", v=2) for number in range(1, 5)])
        assert all(copies.find(f"n{number}") == version(f"n{number}", v=2) for number in range(1, 5))
        assert copies.find("n0") is None
        assert len([path for path in files(copies) if not path.name.startswith(".")]) == 4
        if not is_killed:
            break
        killed += 1
    else:
        pytest.fail("the child never came to its end")
    assert killed > 10


RACING = """
import random, sys, time
from pathlib import Path
from dag_factory.store.folder.folder_copies import *
from dag_factory.store.last_good import *
copies, end, order = FolderLastGood(Path(sys.argv[1])), time.time() + 1.5, random.Random(int(sys.argv[2]))
while time.time() < end:
    good = [Version(f"n{n}", f"n{n}.json", {"name": f"n{n}", "v": order.randrange(3)}) for n in range(5)]
    copies.keep(good, InUse(), since=time.time(), complete=True)
    assert all(copies.find(f"n{n}") for n in range(5))
"""


@pytest.mark.slow
def test_loads_at_the_same_time_leave_each_config_a_copy(copies: FolderLastGood) -> None:
    keep(copies, [version(f"n{number}") for number in range(5)])
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    racing = [
        subprocess.Popen([sys.executable, "-c", RACING, str(copies.folder), str(seed + number)], stderr=subprocess.PIPE)
        for number in range(3)
    ]
    errors = [process.communicate()[1].decode() for process in racing]
    assert errors == [""] * 3
    assert all(copies.find(f"n{number}") for number in range(5))


def test_while_another_load_keeps_copies_this_one_does_not(copies: FolderLastGood) -> None:
    keep(copies, [version("a")])
    with copies._alone(WHOLE) as is_alone:
        assert is_alone
        keep(copies, [version("b")])
    assert copies.find("a") == version("a")
    assert copies.find("b") is None


def test_a_copy_holds_what_json_can_hold(copies: FolderLastGood) -> None:
    keep(copies, [version(big=2**64, small=1e-9, text="\U0001f680", nested={"a": [{}]})])
    (copy,) = files(copies)
    assert json.loads(copy.read_bytes())["document"]["text"] == "\U0001f680"
    assert copies.find("orders") == version(big=2**64, small=1e-9, text="\U0001f680", nested={"a": [{}]})


def test_nothing_is_written_or_removed_where_a_link_leads(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    keep(FolderLastGood(elsewhere), [version()])
    there = files(FolderLastGood(elsewhere))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".last_good").symlink_to(elsewhere)
    linked = FolderLastGood(tmp_path / "store" / ".last_good")
    keep(linked, [version("refunds")])
    linked.forget("orders")
    assert files(FolderLastGood(elsewhere)) == there != []


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder of somebody else's, with files that are named as copies and unfinished copies are; all are old."""
    folder = tmp_path / "others"
    folder.mkdir()
    for name in ("libcrypto.so.1.1", "app.log.2026-11.gz", ".half.new"):
        (folder / name).write_text("precious")
        os.utime(folder / name, (1, 1))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_among_the_folders_of_copies_leads_nowhere_and_the_others_are_kept(
    copies: FolderLastGood, others: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = names(others)
    copies.folder.mkdir()
    for name in (bucket_of("orders"), "zz"):
        (copies.folder / name).symlink_to(others)
    kept = copies.keep([version(), version("refunds")], InUse(), since=time.time() + 60, complete=True)
    assert list(kept) == ["refunds"]
    assert copies.find("refunds") == version("refunds")
    assert copies.find("orders") is copies.copies().of_id("orders") is None
    copies.forget("orders")
    with pytest.raises(OSError, match="is a link"):
        copies.replace(version(), {})
    assert names(others) == before
    assert f"'{copies.folder / bucket_of('orders')}': is a link. Remove it" in caplog.text
    assert len(caplog.records) == 1


def test_a_copy_behind_a_link_is_not_one_that_is_in_place(copies: FolderLastGood) -> None:
    name = copies.keep([version()], InUse(), since=time.time() + 60, complete=True)["orders"]
    assert copies.has(name)
    bucket = copies.folder / bucket_of("orders")
    bucket.symlink_to(bucket.rename(copies.folder / "moved"))
    assert not FolderLastGood(copies.folder).has(name)


def test_a_folder_that_becomes_a_link_while_copies_are_written_loses_no_file_where_it_leads(
    copies: FolderLastGood, others: Path
) -> None:
    keep(copies, [version()])
    bucket = copies.folder / bucket_of("orders")
    (bucket / "libcrypto.so.1.1").touch()
    found = list(entries_in(bucket))
    bucket.rename(copies.folder / "moved")
    bucket.symlink_to(others)
    remove(found, math.inf)
    assert "libcrypto.so.1.1" in names(others)


def test_a_lock_that_is_a_link_makes_no_file_where_it_leads(
    copies: FolderLastGood, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copies.folder.mkdir()
    (copies.folder / ".lock").symlink_to(tmp_path / "made")
    keep(copies, [version()])
    assert not (tmp_path / "made").exists()
    assert "its '.lock' is a link. Remove it" in caplog.text


def test_what_lies_in_the_place_of_a_copy_keeps_no_other_from_being_kept(
    copies: FolderLastGood, caplog: pytest.LogCaptureFixture
) -> None:
    keep(copies, [version()])
    make_a_folder(files(copies)[0])
    (copies.folder / bucket_of("refunds")).touch()
    (copies.folder / "zz").mkdir()
    (copies.folder / "zz" / "gone.1.2.json").mkdir()
    keep(copies, [version(), version("refunds"), version("returns")])
    assert copies.find("returns") == version("returns")
    assert "Is a directory" in caplog.text
    assert caplog.text.count("A last good version can't be kept") == 2


def test_copies_behind_a_link_in_place_of_the_stores_folder_are_neither_read_nor_swept(tmp_path: Path) -> None:
    elsewhere = FolderLastGood(tmp_path / "elsewhere")
    keep(elsewhere, [version()])
    unfinished = files(elsewhere)[0].parent / ".1.new"
    unfinished.touch()
    os.utime(unfinished, (1, 1))
    (tmp_path / ".last_good").symlink_to(tmp_path / "elsewhere")
    linked = FolderLastGood(tmp_path / ".last_good")
    assert linked.find("orders") is linked.copies().of_id("orders") is None
    with pytest.raises(OSError, match="is a link"):
        linked.replace(version(), {})
    assert unfinished.exists()
    (tmp_path / "set").symlink_to(tmp_path / "elsewhere")  # one that the setting names
    assert FolderLastGood(tmp_path / "set").find("orders") == version()


def test_a_copy_that_somebody_has_made_up_is_held_to_what_a_config_may_hold(copies: FolderLastGood) -> None:
    for wrong in ("\x00", "\ud800"):
        keep(copies, [version(description="good")])
        (path,) = files(copies)
        content = json.dumps({**json.loads(path.read_text()), "document": {"name": "orders", "description": wrong}})
        digest = hashlib.sha256(content.encode()).hexdigest()[:32]
        made_up = path.with_name(f"{path.name.rpartition('.')[0].rpartition('.')[0]}.{digest}.json")
        path.unlink()
        made_up.write_text(content)
        assert copies.find("orders") is None
        made_up.unlink()
