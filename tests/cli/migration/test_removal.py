"""Generated files are removed only with a copy kept, and never where a repository would bring them back."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from dag_factory.cli.migration.generated import Generated, find
from dag_factory.cli.migration.removal import Backup, Removal
from tests.managed_apis import generated

NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def file(tmp_path: Path) -> Generated:
    path = tmp_path / "dags" / "below" / "orders.py"
    path.parent.mkdir(parents=True)
    path.write_text(generated("/configs/orders.json"))
    (found,) = find(tmp_path / "dags", {})
    return found


@pytest.fixture
def removal(tmp_path: Path) -> Removal:
    return Removal(tmp_path / "dags", Backup(tmp_path / "backup"))


def test_a_copy_is_kept_that_only_its_owner_can_read(file: Generated, removal: Removal, tmp_path: Path) -> None:
    assert removal.obstacle(file) is None
    assert removal.remove(file) is None
    assert not file.path.exists()
    copy = tmp_path / "backup" / "dags" / "below" / "orders.py"
    assert copy.read_bytes() == file.data
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(copy.parents)[:3]} == {0o700}


def test_one_that_is_gone_by_now_is_no_problem_and_one_that_was_changed_meanwhile_stays(
    file: Generated, removal: Removal, tmp_path: Path
) -> None:
    file.path.write_text("mine")
    assert removal.remove(file) == "it was changed meanwhile. Run the command again"
    assert file.path.read_text() == "mine"
    file.path.unlink()
    assert removal.remove(file) is None
    assert not (tmp_path / "backup").exists()


def test_without_a_copy_nothing_is_removed(file: Generated, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("in the way")
    problem = Removal(tmp_path / "dags", Backup(tmp_path / "backup" / "a")).remove(file)
    assert problem is not None
    assert "no copy of it can be kept" in problem
    assert problem.endswith("Name another: --backup")
    assert file.path.exists()


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@NEEDS_GIT
def test_in_a_git_checkout_what_the_repository_has_stays_and_what_it_has_not_can_go(
    file: Generated, tmp_path: Path
) -> None:
    git(tmp_path, "init")
    assert Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file) is not None  # no index yet: unknown
    (tmp_path / "other").write_text("")
    git(tmp_path, "add", "other")
    assert Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file) is None
    git(tmp_path, "add", "dags")
    obstacle = Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file)
    assert obstacle == "it is in a Git repository. Remove it there, else the next sync brings it back"


@NEEDS_GIT
def test_a_worktree_as_git_sync_makes_them_is_a_checkout_too(file: Generated, tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "add", "dags")
    git(tmp_path, "commit", "-m", "a")
    git(tmp_path, "worktree", "add", "--detach", str(tmp_path / "revision"))
    (tmp_path / "link").symlink_to(tmp_path / "revision")
    (found,) = find(tmp_path / "link" / "dags", {})
    assert Removal(tmp_path / "link" / "dags", Backup(tmp_path / "b")).obstacle(found) is not None


@NEEDS_GIT
def test_where_the_index_can_t_be_read_the_file_counts_as_the_repository_s(file: Generated, tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "other").write_text("")
    git(tmp_path, "add", "other")
    git(tmp_path, "update-index", "--index-version", "4")
    assert Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file) is not None


def test_an_index_that_is_a_pipe_is_not_waited_for(file: Generated, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "index")
    assert Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file) is not None


@pytest.mark.parametrize("text", [b"gitdir: a\0b", b"\xff"])
def test_a_git_file_that_leads_nowhere_makes_the_file_count_as_the_repository_s(
    file: Generated, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / ".git").write_bytes(text)
    assert Removal(tmp_path / "dags", Backup(tmp_path / "b")).obstacle(file) is not None
