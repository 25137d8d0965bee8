"""A process in a session of its own, as in `ProcessGroup`, but forked from a template, so not from this process."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL, Signals


class ForkedGroup:
    """
    A forked process, the leader of its group, which keeps one end of a socket until it ends.

    Other threads and signal handlers may use it too.

    :param status: the other end. The leader has sent its process id there, and sends its exit code when it ends
    :param on_end: called in a thread of its own once the leader has ended
    """

    def __init__(self, pid: int, status: socket.socket, on_end: Callable[[], None]) -> None:
        self.pid = pid
        """The id of the leader, which is that of the group and of the session too."""
        # Held while a signal is sent. A signal's handler may come while this thread holds it.
        self._lock = threading.RLock()
        self._has_ended = False
        self._code = -SIGKILL
        # The process waits for the answer of `answered`, so it can't have ended yet.
        process = os.pidfd_open(pid)
        self._watch = threading.Thread(target=self._await_end, args=[status, process, on_end], daemon=True)
        self._watch.start()

    @classmethod
    def answered(cls, status: socket.socket, on_end: Callable[[], None], seconds: float) -> ForkedGroup | None:
        """Wait for the id of a forked process and let it go on; None, and it ends, where that takes too long."""
        try:
            line = _line(status, seconds)
            if line:
                status.settimeout(None)
                group = cls(int(line), status, on_end)
                with suppress(OSError):  # it was killed meanwhile
                    status.sendall(b"\n")
                return group
        except OSError:  # a time-out is one, too
            pass
        except BaseException:
            status.close()
            raise
        status.close()
        return None

    def signal(self, number: Signals) -> None:
        """Send a signal to all processes of the group."""
        with self._lock:
            if not self._has_ended:
                self._send(number)

    def has_ended(self) -> bool:
        """Return whether the leader has ended."""
        return self._has_ended

    def wait(self, seconds: float) -> None:
        """Wait for the leader to end, for some seconds at most."""
        self._watch.join(seconds)

    def collect(self) -> int:
        """Kill the rest of the group, and return the leader's exit code, negative for a signal."""
        self.signal(SIGKILL)
        self._watch.join()
        return self._code

    def _await_end(self, status: socket.socket, process: int, on_end: Callable[[], None]) -> None:
        with status, suppress(OSError):
            while said := status.recv(64):
                self._code = int(said)
        # Its files are closed a moment before it has ended.
        poll = select.poll()
        poll.register(process, select.POLLIN)
        poll.poll()
        os.close(process)
        with self._lock:
            # The group's number is not used again while a member is left, nor for a moment after.
            self._send(SIGKILL)
            self._has_ended = True
        on_end()

    def _send(self, number: Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _line(status: socket.socket, seconds: float) -> bytes:
    """Return the first line that comes, empty where none does; raises TimeoutError after so many seconds."""
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        status.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = status.recv(64)
        if not piece:
            return b""
        line += piece
    return line
