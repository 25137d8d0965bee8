"""
Checks that the interpreter of a run fits the version of the OpenMetadata server, before the workflow starts.

openmetadata-ingestion refuses another minor version itself, but only after its import, and without saying which
interpreter it is, or who has named it.
"""

from __future__ import annotations

from dataclasses import dataclass

from dag_factory.configs.document import Document
from dag_factory.errors import WorkflowError
from dag_factory.portable.openmetadata.versions import fits, minor_version
from dag_factory.reporting.server_client import shown
from dag_factory.settings.options import IN_PROCESS, SECTION
from dag_factory.task.runner.installed_ingestion import Installed, installed_ingestion
from dag_factory.task.runner.interpreter import choose


@dataclass(frozen=True)
class Interpreter:
    """
    What runs a pipeline.

    :param path: None for the task's own process
    :param installed: its openmetadata-ingestion
    :param named_by: the field or the setting that names it
    """

    path: str | None
    installed: Installed
    named_by: str

    @classmethod
    def chosen(cls, wanted: str | None, config: str) -> Interpreter:
        """
        Return the interpreter of a config, which is asked for its version.

        :param wanted: the config's ``dagFactory.runner.python``, None where it names none
        :param config: the config's key
        :raises DagFactoryError: as `choose` does
        """
        path = choose(wanted)
        by_config = f"config '{config}', field 'dagFactory.runner.python'"
        named_by = f"[{SECTION}] python" if wanted is None else by_config
        return cls(path, installed_ingestion(path or IN_PROCESS), named_by)

    def __str__(self) -> str:
        where = "in the task's process" if self.path is None else f"by {self.path}"
        return f"{where}, {self.installed}"


def require_fitting_version(interpreter: Interpreter, connection: Document, server: str | None) -> None:
    """
    Check that openmetadata-ingestion will accept its server. What is unknown is left to openmetadata-ingestion.

    :param connection: the ``openMetadataServerConnection``; its ``enableVersionValidation`` may switch the check off
    :param server: the server's version
    :raises WorkflowError: where it would refuse it
    """
    is_off = str(connection.get("enableVersionValidation")).strip().lower() == "false"
    version = interpreter.installed.version
    ours, theirs = minor_version(version), minor_version(server)
    if is_off or ours is None or theirs is None or fits(version, server):
        return
    what = "the task's process" if interpreter.path is None else f"'{interpreter.path}'"
    needed = "{}.{}".format(*theirs)
    raise WorkflowError(
        f"{interpreter.named_by}: {what} has {interpreter.installed}, which runs only against an OpenMetadata server "
        f"{'{}.{}'.format(*ours)}, and {shown(connection)} has {server}. Name an interpreter that has "
        f"openmetadata-ingestion {needed}; `openmetadata-dag-factory ingestion-env PATH --version {needed}` makes one"
    )
