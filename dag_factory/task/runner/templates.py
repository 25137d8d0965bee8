"""
The worker's end of templates, from which it forks its children; a template's end is
`dag_factory.portable.ingestion.template`.

A worker starts them before it forks its tasks, which then have the worker's end of each template's socket: no other
process can ask for a child. Where none was started, as in a pod that runs one task, each child is started by itself.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing

from dag_factory.portable.ingestion.template import Command, Request
from dag_factory.task.runner.forked_group import ForkedGroup
from dag_factory.task.runner.interpreter import SCRIPT, template_environment
from dag_factory.task.runner.pipes import Pipes

log = logging.getLogger(__name__)

# The first child of a template also waits for the template's imports.
_ANSWER_SECONDS = 120.0

_templates: dict[str, Template] = {}


class Template:
    """
    A template of one interpreter, as the process that starts it and all forks of that see it.

    :param idle: seconds without a child after which it gives back the memory of its imports
    :raises OSError: where the interpreter can't be started
    """

    def __init__(self, python: str, environment: Mapping[str, str], idle: int) -> None:
        self._environment = dict(environment)
        # Packets, since several processes use this end, and each request must stay whole.
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                Command(python, theirs.fileno(), os.getpid(), idle).line(str(SCRIPT)),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fork(
        self,
        pipes: Pipes,
        environment: Mapping[str, str],
        on_end: Callable[[], None],
        *,
        seconds: float = _ANSWER_SECONDS,
    ) -> ForkedGroup | None:
        """
        Fork a child that has the ends of some pipes which are a child's; return None where it must be started.

        The child begins with the template's environment, and reads its own: see
        `dag_factory.portable.ingestion.child`.

        :param environment: that of the child
        :param seconds: for which the template's answer is waited for
        """
        if not self._environment.items() <= environment.items():
            log.info(
                "The template's environment has variables that this run must not get, so a new interpreter is started "
                "for it"
            )
            return None
        ours, status = socket.socketpair()
        with closing(status):
            request = Request(
                pipes.stdin.fileno(),
                pipes.stdout.fileno(),
                pipes.stderr.fileno(),
                pipes.messages.fileno(),
                status.fileno(),
            )
            try:
                socket.send_fds(self._requests, [b"\n"], list(request))
            except OSError as error:
                ours.close()
                log.warning(
                    "The worker's template takes no request (%s), so a new interpreter is started for this run",
                    error.strerror,
                )
                return None
        group = ForkedGroup.answered(ours, on_end, seconds)
        if group is None:
            log.warning(
                "The worker's template has not forked this run, so a new interpreter is started for it. The worker's "
                "log may say why"
            )
        return group


def start_templates(pythons: Iterable[str], idle: int) -> None:
    """
    Start a template for each interpreter, to be used by this process and all that it forks.

    One that can't be started is logged, and its children are started as without it.
    """
    for python in pythons:
        if python not in _templates:
            try:
                _templates[python] = Template(python, template_environment(python), idle)
            except OSError as error:
                log.warning(
                    "'%s' can't be started here (%s), so a new interpreter is started for each of its runs",
                    python,
                    error.strerror,
                )


def template_of(python: str) -> Template | None:
    """Return the template of an interpreter, None where this process, or one that it was forked from, has none."""
    return _templates.get(python)
