from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory.watch.folder_events import FolderEvents
from dag_factory.watch.hints import NoHints, no_hints, open_hints
from tests.places import ROOT


def test_the_kernel_hints_in_a_local_folder(tmp_path: Path) -> None:
    hints = open_hints([tmp_path], lambda: None)
    assert isinstance(hints, FolderEvents)
    assert hints.works()
    hints.close()


def test_where_nobody_hints_any_file_may_be_half_a_file(tmp_path: Path) -> None:
    hints = NoHints()
    assert not hints.cover({tmp_path: (1, 1)})
    assert not hints.works()
    assert hints.is_being_written(tmp_path / "a.json")
    hints.close()


def test_why_nobody_hints_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(no_hints(OSError(28, "inotify watch limit reached")), NoHints)
    assert "The kernel can't report changes (inotify watch limit reached): config_store is polled" in caplog.text


def test_the_watcher_imports_watchdog_only_when_it_watches(tmp_path: Path) -> None:
    script = (
        "import dag_factory.watch.start, dag_factory.api.app, dag_factory.cli, sys, json;"
        "print(json.dumps('watchdog' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) is False
