"""The parent's side of a child that runs ingestion code: starts it, logs its lines as they come, ends it."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.ingestion.child import LONGEST_MESSAGE
from dag_factory.ingestion.guard import GRACE_SECONDS
from dag_factory.runner.pipes import Feed, Lines
from dag_factory.runner.secrets_manager_options import from_airflow
from dag_factory.secrets.masking import Mask
from dag_factory.secrets.names import declared_names
from dag_factory.secrets.redaction import secret_values

SCRIPT = Path(__file__).parents[1] / "ingestion" / "child.py"

_POLL_SECONDS = 0.25
_LAST_POLL_SECONDS = 0.02
_DRAIN_SECONDS = 2.0
# How long a child may take to end after its job is done. A thread that ingestion code has left may never let it.
_EXIT_SECONDS = 3.0
# The child's guard kills it. Should that fail, this process does, later.
_KILL_SECONDS = GRACE_SECONDS + 1

# As much as a pipe can hold: one read has all messages that were sent before something was printed.
_ALL_MESSAGES = 1024 * 1024
# So little that no logger, however slow, is busy for long with what one read has brought.
_OUTPUT_PIECE = 4096
_LONGEST_LINE = 1024 * 1024
# Where a line is cut, a part of a secret may stand that nobody knows as one. No secret is longer than this.
_LONGEST_SECRET = 65536

log = logging.getLogger(__name__)


class ChildDied(WorkflowError):
    """
    A child has ended, or was ended, without a word of its own about how its job went.

    Its message is a whole clause, as that of every `WorkflowError`: it can stand alone or follow "… has failed: ".
    """


class Child:
    """
    One job in a process of its own, in a session of its own: it ends with all that it has started.

    What is started here is the guard of the one that does the job, see `dag_factory.ingestion.guard`. Whatever the
    child says is logged here, without the secrets that the mask knows or the child sends. It ends when `terminate` is
    called, when `run` is left by an exception, such as Airflow's of a time-out, or this process dies.

    :param python: path of an interpreter that has openmetadata-ingestion
    :param environment: all of the child's environment variables
    """

    def __init__(self, python: str, environment: Mapping[str, str], mask: Mask) -> None:
        self._python = python
        self._environment = dict(environment)
        self._mask = mask
        self._process: subprocess.Popen[bytes] | None = None
        # Held while a signal is sent or the process is collected: after that, its id may be another's. A signal's
        # handler may come while this thread holds it.
        self._lock = threading.RLock()
        self._ending = False
        self._kill_at: float | None = None
        self._timed_out = False
        self._result: dict[str, Any] = {}

    def run(self, kind: str, job: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """
        Do a job and return its result.

        :param kind: what to do, see `dag_factory.ingestion.jobs`
        :param timeout: seconds after which the child is ended
        :raises ConfigError: where the child says so
        :raises WorkflowError: where the child fails, or can't be started
        :raises ChildDied: where it is killed, takes too long, or ends without a result
        """
        messages, messages_end = os.pipe()
        try:
            self._start(messages_end)
        except BaseException:
            os.close(messages)
            raise
        finally:
            os.close(messages_end)
        alarm = threading.Timer(timeout or 0, self._time_out)
        alarm.daemon = True
        with os.fdopen(messages, "rb", buffering=0) as told:
            try:
                if timeout is not None:
                    alarm.start()
                self._follow(self._order(kind, job), told)
            finally:
                alarm.cancel()
                code = self._end()
        if "error" in self._result:
            raise _error(self._result["error"], self._mask)
        if "result" in self._result:
            if code and not self._ending:
                log.warning("The job is done, but afterwards %s", _how_it_ended(code))
            return self._result["result"]
        if self._timed_out:
            raise ChildDied(f"the child process took longer than {timeout:.0f} s, so it was ended")
        if self._ending:
            raise ChildDied("the child process was ended, because its task was")
        raise ChildDied(_how_it_ended(code))

    def terminate(self) -> None:
        """Ask the child to end, and see to it that it does; returns at once. For signal handlers and other threads."""
        with self._lock:
            self._ending = True
            if self._process is not None and self._kill_at is None:
                self._kill_at = time.monotonic() + _KILL_SECONDS
                self._signal(signal.SIGTERM)

    @property
    def pid(self) -> int | None:
        """The id of the process that is started, which is that of its group and session too, None before."""
        return self._process.pid if self._process is not None else None

    def _order(self, kind: str, job: Mapping[str, Any]) -> bytes:
        manager = from_airflow(job.get("document") or {})
        for secret in secret_values(manager):
            self._mask.add(secret)
        # The secrets are known here by more than their names, and the child may log to others than this process.
        order = {
            "kind": kind,
            "job": job,
            "secrets": sorted(self._mask.secrets),
            "secret_names": declared_names(),
            "secrets_manager": manager,
        }
        return json.dumps(order).encode() + b"\n"

    def _start(self, messages_end: int) -> None:
        with self._lock:
            if self._ending:
                raise ChildDied("the child process was ended before it was started")
            try:
                self._process = subprocess.Popen(
                    [self._python, "-I", "-u", str(SCRIPT), str(messages_end)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    env=self._environment,
                    pass_fds=[messages_end],
                    start_new_session=True,
                )
                if self._ending:  # by a signal that came meanwhile
                    self.terminate()
            except OSError as error:
                raise WorkflowError(
                    f"the interpreter '{self._python}' can't be started here: {error.strerror}"
                ) from None

    def _time_out(self) -> None:
        self._timed_out = True
        self.terminate()

    def _follow(self, job: bytes, told: IO[bytes]) -> None:
        """Give the child its job and log what it says until it ends."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        messages = Lines(told, self._on_message, piece=_ALL_MESSAGES, longest=LONGEST_MESSAGE)

        def output(source: IO[bytes], name: str, level: int) -> Lines:
            # Messages come first: a secret must be known before the line that holds it.
            to_log = self._logs(f"openmetadata_ingestion.{name}", level)
            return Lines(source, to_log, piece=_OUTPUT_PIECE, longest=_LONGEST_LINE, before=messages.read)

        outputs = [output(process.stdout, "stdout", logging.INFO), output(process.stderr, "stderr", logging.WARNING)]
        with selectors.DefaultSelector() as selector:
            for lines in (messages, *outputs):
                selector.register(lines.source, selectors.EVENT_READ, lines.read)
            os.set_blocking(process.stdin.fileno(), False)
            feed = Feed(process.stdin, job)
            selector.register(process.stdin, selectors.EVENT_WRITE, feed.write)
            leave_by: float | None = None
            give_up: float | None = None
            # Besides the child's input, which stays open, there are its outputs to be heard to their end.
            while (heard := len(selector.get_map()) > feed.pending) or give_up is None:
                for key, _ in selector.select(_POLL_SECONDS if heard else _LAST_POLL_SECONDS):
                    if not key.data():
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                if self._result and leave_by is None:
                    leave_by = now + _EXIT_SECONDS
                if leave_by is not None and now >= leave_by and not self._ending:
                    log.warning("The job is done, but a process that it started does not end, so it is ended")
                    self.terminate()
                if self._kill_at is not None and now >= self._kill_at:
                    self._signal(signal.SIGKILL)
                if give_up is None and self._has_ended():
                    # What the child has left behind may hold its outputs open.
                    self._signal(signal.SIGKILL)
                    give_up = now + _DRAIN_SECONDS
                if give_up is not None and now >= give_up:
                    break
        for lines in (messages, *outputs):
            lines.flush()

    def _on_message(self, line: bytes, _is_whole: bool) -> None:
        try:
            message = json.loads(line)
            if "log" in message:
                record = message["log"]
                self._log(str(record["name"]), int(record["level"]), str(record["text"]))
            elif "secret" in message:
                self._mask.add(str(message["secret"]))
            else:
                self._result.update(message)
        except (ValueError, TypeError, KeyError):
            # A part of one may hold a part of a secret.
            log.warning("The child process has sent %d bytes that are no message", len(line))

    def _logs(self, name: str, level: int) -> Callable[[bytes, bool], None]:
        def log_line(line: bytes, is_whole: bool) -> None:
            text = self._mask.hide(line.decode(errors="replace").rstrip())
            if not is_whole:
                text = f"{text[:-_LONGEST_SECRET]}… (the rest of a very long line is left out)"
            if text:
                self._log(name, level, text)

        return log_line

    def _log(self, name: str, level: int, text: str) -> None:
        """Log a line as if it came from here; whether its level is worth it, the child has decided."""
        logger = logging.getLogger(name)
        logger.handle(logger.makeRecord(name, level, str(SCRIPT), 0, self._mask.hide(text), (), None))

    def _signal(self, number: signal.Signals) -> None:
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._process is not None and self._process.returncode is None:
                os.killpg(self._process.pid, number)

    def _has_ended(self) -> bool:
        """Return whether the child has ended; it is not collected yet, so that its id stays its own."""
        assert self._process is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end(self) -> int:
        """End the child if it has not ended, and whatever it has left behind; return its exit code."""
        assert self._process is not None
        if not self._has_ended():
            self.terminate()
            deadline = time.monotonic() + _KILL_SECONDS
            while not self._has_ended() and time.monotonic() < deadline:
                time.sleep(0.05)
        with self._lock:
            self._signal(signal.SIGKILL)
            code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return code


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "the child process was killed (SIGKILL). If nobody did that, the machine or its container was out of "
            "memory: give it more, or let the pipeline ingest less at once"
        )
    if code < 0:
        return f"the child process was ended by the signal {signal.Signals(-code).name}"
    return f"the child process ended with exit code {code} and without a result. Its log may say why"


def _error(told: Mapping[str, Any], mask: Mask) -> Exception:
    text = mask.hide(str(told["text"]))
    if told["kind"] == ConfigError.__name__:
        return ConfigError(text, field=told["field"])
    return WorkflowError(text if told["kind"] == WorkflowError.__name__ else f"{told['kind']}: {text}")
