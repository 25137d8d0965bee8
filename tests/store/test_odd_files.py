"""What is no file, or no readable one, holds up nobody, and is named among what is wrong."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_factory.store.findings import findings_of_store
from dag_factory.store.folder.folder_store import FolderStore


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(path))


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.mkdir()


def sparse_gigabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


@pytest.mark.parametrize("name", ["x.yaml", "defaults.yaml"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "is not a regular file"),
        (bound_socket, "is not a regular file"),
        (link_to_a_device, "is not a regular file"),
        (link_to_itself, "can't be read: Too many levels of symbolic links"),
        (folder, "is a folder with the name of a config"),
        (sparse_gigabyte, "is larger than 1 MiB"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_no_config_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], said: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may be a hundred characters long
    make(Path(name))
    Path("other.yaml").write_text("name: other\n")
    problems = findings_of_store(FolderStore(tmp_path)).problems
    assert next(problem.problem for problem in problems if problem.config == name).startswith(said)


def test_a_name_that_is_not_utf_8_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"orders\xff.yaml")).write_text("name: orders\n")
    (problem,) = findings_of_store(FolderStore(tmp_path)).problems
    assert (problem.config, problem.level) == (r"orders\xff.yaml", "warning")
    assert problem.text == "is not a name in UTF-8, so it is not read. Rename it"


def test_a_folder_that_holds_itself_by_a_link_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "again").symlink_to("..")
    (tmp_path / "sales" / "orders.yaml").write_text("name: orders\n")
    assert findings_of_store(FolderStore(tmp_path)).files == 1
