"""
The parent's end of a child that runs ingestion code: starts it, logs what it says, ends it.

The child's end is `dag_factory.portable.ingestion.child`.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.portable.ingestion.guard import GRACE_SECONDS
from dag_factory.portable.openmetadata.counts import with_summary
from dag_factory.portable.secrets.masking import Mask
from dag_factory.portable.secrets.names import declared_names
from dag_factory.portable.secrets.redaction import secret_values
from dag_factory.task.runner.deadlines import Deadlines
from dag_factory.task.runner.forked_group import ForkedGroup
from dag_factory.task.runner.interpreter import SCRIPT
from dag_factory.task.runner.pipes import Piece, Pipes, Source
from dag_factory.task.runner.process_group import ProcessGroup
from dag_factory.task.runner.secrets_manager_section import section_for
from dag_factory.task.runner.templates import template_of
from dag_factory.task.runner.transcript import Transcript

_DRAIN_SECONDS = 2.0
# How long a child may take to end after its answer. A thread that ingestion code leaves behind may prevent it.
_EXIT_SECONDS = 3.0
# The child's guard kills it. If that fails, this process does, later.
_KILL_SECONDS = GRACE_SECONDS + 1

Group: TypeAlias = ProcessGroup | ForkedGroup

log = logging.getLogger(__name__)


class ChildDied(WorkflowError):
    """
    A child has ended, or was ended, without an answer to its order.

    Its message is a whole clause, as that of every `WorkflowError`: it can stand alone or follow "… has failed: ".
    """


class _Event(Enum):
    """Events of a child other than its output."""

    TERMINATED = auto()
    ENDED = auto()


class _Deadline(Enum):
    """What a child must do in time."""

    ANSWER = auto()
    END_AFTER_ANSWER = auto()
    END_AFTER_SIGTERM = auto()
    CLOSE_PIPES = auto()


class Child:
    """
    One order in a process of its own, in a session of its own: it ends with all that it has started.

    What is started here, or forked from a template of this worker, is the guard of the process that works, see
    `dag_factory.portable.ingestion.guard`. Whatever the child says is logged here, without the secrets that the mask
    knows or the child sends. It ends when `terminate` is called, when `run` is left by an exception, such as Airflow's
    of a time-out, or this process dies.

    :param python: path of an interpreter that has openmetadata-ingestion
    :param environment: all of the child's environment variables
    """

    def __init__(self, python: str, environment: Mapping[str, str], mask: Mask) -> None:
        self._python = python
        self._environment = dict(environment)
        self._mask = mask
        # The only kind of queue that takes an item from a signal's handler which has interrupted its reader.
        self._events: SimpleQueue[Piece | _Event | Exception] = SimpleQueue()
        # Held while the child is started or ended. A signal's handler may come while this thread holds it.
        self._lock = threading.RLock()
        self._group: Group | None = None
        self._why_terminated: str | None = None

    def run(self, kind: str, arguments: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """
        Execute an order in the child and return its result.

        :param kind: like ``arguments``, see `dag_factory.portable.ingestion.orders`
        :param timeout: seconds after which the child is ended
        :raises ConfigError: where the child says so
        :raises WorkflowError: where the child fails, or can't be started
        :raises ChildDied: where it is killed, takes too long, or ends without a result
        """
        order = self._order(kind, arguments)
        with Pipes(self._events.put) as pipes:
            group = self._start(pipes)
            if isinstance(group, ForkedGroup):
                order["surroundings"] = {"environment": self._environment, "folder": str(Path.cwd())}
            try:
                with pipes.carrying(json.dumps(order).encode() + b"\n"):
                    answer = self._follow(group, pipes, timeout)
            finally:
                code = self._end(group)
        return self._result(answer, code)

    def terminate(self) -> None:
        """Ask the child to end, and kill it if it does not; returns at once. For signal handlers and other threads."""
        self._terminate("the child process was asked to end")

    def _order(self, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        manager = section_for(arguments.get("document") or {})
        for secret in secret_values(manager):
            self._mask.add(secret)
        # The child can't find all of these by their names, and it may also log to the OpenMetadata server.
        return {
            "kind": kind,
            "arguments": arguments,
            "secrets": sorted(self._mask.secrets),
            "secret_names": declared_names(),
            "secrets_manager": manager,
        }

    def _start(self, pipes: Pipes) -> Group:
        with self._lock:
            if self._why_terminated is not None:
                raise ChildDied("the child process was ended before it was started")
            group = self._group = self._forked(pipes) or self._started(pipes)
            pipes.close_child_ends()
            if self._why_terminated is not None:  # by a signal that came meanwhile
                self._ask_to_end(group)
            return group

    def _forked(self, pipes: Pipes) -> ForkedGroup | None:
        """Have the interpreter's template fork the child; None where there is none, or it can't."""
        template = template_of(self._python)
        return template.fork(pipes, self._environment, self._on_end) if template is not None else None

    def _started(self, pipes: Pipes) -> ProcessGroup:
        try:
            return ProcessGroup(
                [self._python, "-I", "-u", str(SCRIPT), str(pipes.messages.fileno())],
                on_end=self._on_end,
                stdin=pipes.stdin,
                stdout=pipes.stdout,
                stderr=pipes.stderr,
                pass_fds=[pipes.messages.fileno()],
                env=self._environment,
            )
        except OSError as error:
            raise WorkflowError(f"the interpreter '{self._python}' can't be started here: {error.strerror}") from None

    def _on_end(self) -> None:
        self._events.put(_Event.ENDED)

    def _follow(self, group: Group, pipes: Pipes, timeout: float | None) -> dict[str, Any]:
        """Log what the child says until it has ended and its pipes have too, and return its answer."""
        deadlines: Deadlines[_Deadline] = Deadlines()
        if timeout is not None:
            deadlines.set(_Deadline.ANSWER, timeout)
        transcript = Transcript(self._mask, on_answer=lambda: deadlines.set(_Deadline.END_AFTER_ANSWER, _EXIT_SECONDS))
        awaited: set[Source | _Event] = {*Source, _Event.ENDED}
        while awaited:
            match self._next(deadlines):
                case Piece(source, data) as piece:
                    transcript.add(piece)
                    pipes.make_room()
                    if not data:
                        awaited.discard(source)
                case _Event.TERMINATED:
                    deadlines.set(_Deadline.END_AFTER_SIGTERM, _KILL_SECONDS)
                case _Event.ENDED:
                    awaited.discard(_Event.ENDED)
                    # What the child has left behind may hold its pipes open.
                    group.signal(signal.SIGKILL)
                    deadlines.set(_Deadline.CLOSE_PIPES, _DRAIN_SECONDS)
                case _Deadline.CLOSE_PIPES:
                    break
                case _Deadline() as missed:
                    self._end_late(missed, group, timeout)
                case Exception() as error:
                    raise error
        transcript.flush()
        return transcript.answer

    def _end_late(self, missed: _Deadline, group: Group, timeout: float | None) -> None:
        """End a child that has missed a deadline."""
        if missed is _Deadline.ANSWER:
            self._terminate(f"the child process took longer than {timeout:.0f} s, so it was ended")
        elif missed is _Deadline.END_AFTER_SIGTERM:
            group.signal(signal.SIGKILL)
        elif self._why_terminated is None:
            log.warning(
                "The job is done, but its process does not end: a thread or child process may still run. The "
                "process is ended."
            )
            self.terminate()

    def _next(self, deadlines: Deadlines[_Deadline]) -> Piece | _Event | Exception | _Deadline:
        """Wait for what happens first, and return it: an event of the child, or a deadline that has passed."""
        first = deadlines.first()
        if first is None:
            return self._events.get()
        deadline, seconds = first
        # A child that never stops saying something has deadlines, too.
        if seconds > 0:
            try:
                return self._events.get(timeout=seconds)
            except Empty:
                pass
        deadlines.remove(deadline)
        return deadline

    def _terminate(self, why: str) -> None:
        with self._lock:
            if self._why_terminated is None:
                self._why_terminated = why
                if self._group is not None:
                    self._ask_to_end(self._group)

    def _ask_to_end(self, group: Group) -> None:
        group.signal(signal.SIGTERM)
        self._events.put(_Event.TERMINATED)

    def _end(self, group: Group) -> int:
        """End the child if it has not ended, and whatever it has left behind; return its exit code."""
        if not group.has_ended():
            self.terminate()
            group.wait(_KILL_SECONDS)
        return group.collect()

    def _result(self, answer: Mapping[str, Any], code: int) -> Any:
        if "error" in answer:
            raise _error(answer["error"], self._mask)
        if "result" in answer:
            if code and self._why_terminated is None:
                log.warning("The job is done, but afterwards %s", _how_it_ended(code))
            return answer["result"]
        raise ChildDied(self._why_terminated or _how_it_ended(code))


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "the child process was killed (SIGKILL). Unless a user did that, the machine or its container was out of "
            "memory: give it more, or let the pipeline ingest less at once"
        )
    if code < 0:
        return f"the child process was ended by the signal {signal.Signals(-code).name}"
    return f"the child process ended with exit code {code} and without a result. Its log may say why"


def _error(error: Mapping[str, Any], mask: Mask) -> Exception:
    text = mask.hide(str(error["text"]))
    if error["kind"] == ConfigError.__name__:
        return ConfigError(text, field=error["field"])
    failure = WorkflowError(text if error["kind"] == WorkflowError.__name__ else f"{error['kind']}: {text}")
    return with_summary(failure, error.get("summary"))
