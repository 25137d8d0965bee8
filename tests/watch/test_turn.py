from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.watch.turn import Turn

HOLD = """
import sys
from pathlib import Path
from dag_factory.watch.turn import Turn
with Turn(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_one_process_has_it_and_the_next_one_gets_it_when_that_dies(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(BlockingIOError):
            Turn(tmp_path)
        other.kill()
        other.wait()
    with Turn(tmp_path) as turn:
        assert not turn.is_over()
    assert list(tmp_path.iterdir()) == []


def test_it_is_over_when_the_folder_is_another_one_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    with Turn(folder) as turn:
        assert not turn.is_over()
        folder.rename(tmp_path / "old")
        assert turn.is_over()
        folder.mkdir()
        assert turn.is_over()


def test_a_link_that_is_swapped_leads_to_another_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    with Turn(link) as turn:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(link)
        assert turn.is_over()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Turn(tmp_path / "nothing")
