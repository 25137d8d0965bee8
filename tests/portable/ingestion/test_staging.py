"""Folders in which runs stage what they read: they are the run's own, and none is left of a run that has ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.staging import Staging, remove

# Stages something, and goes on until it is ended.
STAGING = """
import sys, time
from pathlib import Path
from dag_factory.portable.ingestion.staging import Staging
staging = Staging()
(staging.folder(sys.argv[1]) / "queries").write_text("SELECT canary")
print("staged", flush=True)
time.sleep(60)
"""


def staging_in(place: Path) -> subprocess.Popen[str]:
    """Return a process that has staged something."""
    process = subprocess.Popen([sys.executable, "-c", STAGING, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "staged\n"
    return process


def test_it_is_made_in_the_given_place_for_this_user_alone_and_removed_with_what_is_in_it(tmp_path: Path) -> None:
    place = tmp_path / "staging"
    named: list[Path] = []
    staging = Staging(named.append)
    folders = [staging.folder(str(place)) for _ in range(2)]
    assert named == folders
    assert sorted(place.iterdir()) == sorted(folders)
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in folders)
    (folders[0] / "queries").mkdir()
    (folders[0] / "queries" / "one").touch()
    before = psutil.Process().num_fds()
    staging.remove()
    assert list(place.iterdir()) == []
    assert psutil.Process().num_fds() == before - 2
    staging.remove()


def test_without_a_place_it_is_made_among_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    staging = Staging()
    assert staging.folder(None).parent == tmp_path
    staging.remove()


def test_that_of_a_killed_run_is_removed_by_the_next_one_and_that_of_a_living_run_is_not(tmp_path: Path) -> None:
    (tmp_path / "openmetadata_staging_of_somebody").mkdir()
    (tmp_path / "openmetadata_staging_12345678").symlink_to("openmetadata_staging_of_somebody")
    others = set(tmp_path.iterdir())
    killed, living = staging_in(tmp_path), staging_in(tmp_path)
    try:
        assert len(set(tmp_path.iterdir()) - others) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        staging = Staging()
        own = staging.folder(str(tmp_path))
        (of_living,) = set(tmp_path.iterdir()) - others - {own}
        assert (of_living / "queries").read_text() == "SELECT canary"
        staging.remove()
        assert set(tmp_path.iterdir()) == others | {of_living}
    finally:
        for process in (killed, living):
            process.kill()
            process.communicate()


def test_a_place_where_none_can_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkflowError, match=r"can't be staged in '.*/file/x': Not a directory\. Make it a folder"):
        Staging().folder(str(tmp_path / "file" / "x"))


def test_no_parent_of_a_place_is_made(tmp_path: Path) -> None:
    with pytest.raises(WorkflowError, match="No such file or directory"):
        Staging().folder(str(tmp_path / "missing" / "staging"))
    assert list(tmp_path.iterdir()) == []


def test_what_has_another_name_is_not_removed(tmp_path: Path) -> None:
    remove(tmp_path)
    assert tmp_path.exists()
