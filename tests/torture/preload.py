"""Faults at the system call: `faults.c`, compiled and preloaded into this very process, and what arms it."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
LIBRARY = "TORTURE_LIBRARY"

# As the C source numbers them.
KINDS = ("open", "write", "fsync", "rename", "unlink", "flock", "close", "truncate", "mkdir", "stat", "list", "read")
KILL_BEFORE, KILL_AFTER, FAIL_BEFORE, FAIL_AFTER, UNMOUNT = range(1, 6)


@dataclass(frozen=True)
class Fault:
    """
    What happens to the n-th call of a kind.

    :param lasting: whether the file system stays as the error says: full, read-only or gone
    """

    kind: str
    nth: int
    action: int
    error: int = 0
    lasting: bool = False

    @property
    def is_kill(self) -> bool:
        return self.action in {KILL_BEFORE, KILL_AFTER}

    @property
    def name(self) -> str:
        if self.action == UNMOUNT:
            return f"unmounted before {self.kind}"
        when = "after" if self.action in {KILL_AFTER, FAIL_AFTER} else "before"
        what = "kill" if self.is_kill else errno.errorcode[self.error] + (" for good" if self.lasting else "")
        return f"{what} {when} {self.kind}"

    def __str__(self) -> str:
        return f"{self.name} {self.nth}"


def preloaded(module: str, arguments: list[str], folder: Path, env: dict[str, str]) -> None:
    """Go on as a module with faults at hand, in place of this process; return where this is that process already."""
    if LIBRARY in os.environ:
        return
    library = folder / "faults.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    env = {**os.environ, **env, LIBRARY: str(library), "LD_PRELOAD": str(library)}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], env)


class Faults:
    """The faults of this process and of those that it forks."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])

    def arm(self, folder: Path, fault: Fault) -> None:
        self._library.faults_arm(
            os.fsencode(folder), KINDS.index(fault.kind), fault.nth, fault.action, fault.error, int(fault.lasting)
        )

    def counts(self) -> dict[str, int]:
        """Disarm, and return how many calls of each kind there were since the faults were armed."""
        self._library.faults_disarm()
        return {kind: self._library.faults_count(number) for number, kind in enumerate(KINDS)}

    def happened(self) -> bool:
        return bool(self._library.faults_happened())
