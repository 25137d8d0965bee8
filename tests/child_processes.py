"""The processes behind children and templates, at which only tests and benchmarks look, and the end of templates."""

from __future__ import annotations

from dag_factory.task.runner import templates
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.process_group import ProcessGroup


def pid_of(child: Child) -> int | None:
    """Return the id of a child's process, which is also that of its group and session; None before the start."""
    group = child._group
    return group._leader.pid if isinstance(group, ProcessGroup) else group.pid if group is not None else None


def template_pid(python: str) -> int:
    """Return the id of the template of an interpreter, which must have been started."""
    found = templates.template_of(python)
    assert found is not None
    return found._process.pid


def stop_templates() -> None:
    """End all templates that this process has started, where no fork of it is left that could use them."""
    while templates._templates:
        _, template = templates._templates.popitem()
        template._requests.close()
        template._process.wait()
