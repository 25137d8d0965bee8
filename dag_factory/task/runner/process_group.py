"""A process in a session of its own, which gets signals together with all that it starts there."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any


class ProcessGroup:
    """
    A started process, the leader of its group. Other threads and signal handlers may use it too.

    :param on_end: called in a thread of its own once the leader has ended
    :param options: those of `subprocess.Popen`
    :raises OSError: where it can't be started
    """

    def __init__(self, command: Sequence[str], *, on_end: Callable[[], None], **options: Any) -> None:
        # Held while a signal is sent or the leader is collected: after that, its id may be another's. A signal's
        # handler may come while this thread holds it.
        self._lock = threading.RLock()
        self._leader = subprocess.Popen(command, start_new_session=True, **options)
        self._watch = threading.Thread(target=self._await_end, args=[on_end], daemon=True)
        self._watch.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the group."""
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._leader.returncode is None:
                os.killpg(self._leader.pid, number)

    def has_ended(self) -> bool:
        """Return whether the leader has ended."""
        return _ended(self._leader.pid, os.WNOHANG)

    def wait(self, seconds: float) -> None:
        """Wait for the leader to end, for some seconds at most."""
        self._watch.join(seconds)

    def collect(self) -> int:
        """Kill the rest of the group, and return the leader's exit code, negative for a signal."""
        self.signal(signal.SIGKILL)
        self._watch.join()
        with self._lock:
            return self._leader.wait()

    def _await_end(self, on_end: Callable[[], None]) -> None:
        _ended(self._leader.pid)
        on_end()


def _ended(pid: int, options: int = 0) -> bool:
    """Return whether a process has ended; it is not collected, so that its id stays its own."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | options) is not None
    except ChildProcessError:  # other code of this process has collected it
        return True
