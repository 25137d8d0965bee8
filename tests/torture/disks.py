"""Real disks in trouble: a full one, and one that becomes read-only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dag_factory.store.folder.folder_store import FolderStore
from tests.torture.calls import CALLS, Call, set_up
from tests.torture.judge import Judge

DISK_BYTES = 256 * 1024
PAGE_BYTES = 4096
# From none at all to more than a deploy takes.
FREE_PAGES = range(12)


class Disks:
    """
    Calls to a store on a small disk of its own, which only a privileged process can mount.

    :param folder: holds all files
    """

    def __init__(self, folder: Path, judge: Judge) -> None:
        self._folder = folder
        self._judge = judge
        self.number = 0

    def can_mount(self) -> bool:
        try:
            with self._disk():
                return True
        except (OSError, subprocess.CalledProcessError):
            return False

    def run(self, until: float) -> None:
        """
        Let each call meet each trouble.

        :param until: when to stop, by the monotonic clock
        """
        for call in CALLS:
            if time.monotonic() > until:
                return
            for pages in FREE_PAGES:
                self._suffer(call, f"{pages} pages left", lambda root, pages=pages: fill(root, pages), empty)  # type: ignore[misc]
            self._suffer(call, "read-only", lambda root: remount(root, "ro"), lambda root: remount(root, "rw"))

    def _suffer(self, call: Call, trouble: str, break_it: Callable[[Path], None], mend: Callable[[Path], None]) -> None:
        with self._disk() as disk:
            root = disk / "configs"
            call.prepare(set_up(root))
            break_it(root)
            self._judge.suffer(call, trouble, FolderStore(root), break_it=lambda: None, mend=lambda: mend(root))
            self.number += 1

    @contextmanager
    def _disk(self) -> Iterator[Path]:
        disk = self._folder / "disk"
        disk.mkdir(parents=True)
        try:
            mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "torture", disk)
            try:
                yield disk
            finally:
                unmount(disk)
        finally:
            disk.rmdir()


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


def unmount(point: Path) -> None:
    subprocess.run(["umount", "-l", str(point)], check=True, capture_output=True)


def remount(root: Path, mode: str) -> None:
    mount("-o", f"remount,{mode}", root.parent)


def fill(root: Path, pages: int) -> None:
    """Leave a number of pages free."""
    with (root.parent / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PAGE_BYTES))
    size = (root.parent / "ballast").stat().st_size
    os.truncate(root.parent / "ballast", max(0, size - pages * PAGE_BYTES))


def empty(root: Path) -> None:
    (root.parent / "ballast").unlink()
