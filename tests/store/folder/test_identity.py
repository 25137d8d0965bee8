from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dag_factory.store.folder.identity import give_identity, read_identity
from dag_factory.store.own_files import IDENTITY


def of(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def test_all_who_give_an_id_at_once_get_the_same_and_leave_nothing_else(tmp_path: Path) -> None:
    folder = of(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        given = set(pool.map(lambda _: give_identity(folder), range(64)))
    assert given == {read_identity(folder)}
    assert [path.name for path in tmp_path.iterdir()] == [IDENTITY]
    os.close(folder)


def test_an_id_never_changes_and_an_empty_file_is_none(tmp_path: Path) -> None:
    folder = of(tmp_path)
    assert read_identity(folder) is None
    (tmp_path / IDENTITY).touch()
    assert read_identity(folder) is None
    given = give_identity(folder)
    assert give_identity(folder) == given
    (tmp_path / IDENTITY).write_text("by hand\n")
    assert give_identity(folder) == "by hand"
    os.close(folder)


def test_a_pipe_of_that_name_makes_nobody_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / IDENTITY)
    folder = of(tmp_path)
    assert read_identity(folder) is None
    os.close(folder)


def test_a_file_that_can_t_be_read_is_no_store_without_an_id(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).mkdir()
    folder = of(tmp_path)
    with pytest.raises(OSError, match="Is a directory"):
        read_identity(folder)
    os.close(folder)
