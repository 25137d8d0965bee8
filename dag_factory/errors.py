"""The exceptions of this package. Every message names the config, the field and the way out, never a value."""

from __future__ import annotations

from dag_factory.portable.plain_text import cut, one_line
from dag_factory.portable.secrets.shown_names import shown_field

_LONGEST_NAME = 300


class DagFactoryError(Exception):
    """Base of all errors that this package raises on purpose."""


class SettingsError(DagFactoryError):
    """The section ``[openmetadata_dag_factory]`` has an invalid value."""


class StoreError(DagFactoryError):
    """The config store as a whole can't be reached or read."""


class StoreLockedError(StoreError):
    """Another process has locked the config store for longer than a writer waits."""


class MissingStoreError(StoreError):
    """The config store is missing, or another folder is in its place; it may come back."""


class ConfigError(DagFactoryError):
    """
    One config is wrong.

    :param problem: what is wrong and the way out, as a clause that can follow the field's name
    :param field: dotted path of the field, such as ``airflowConfig.retries``. A name in it may be a secret: people see
        the property ``field``, and ``exact_field`` is for those who look the field up
    :param config: key of the config in its store, such as ``sales/orders.yaml``
    :param place: line and column in that file, counted from 1; given only where the problem's text has them too
    """

    def __init__(
        self,
        problem: str,
        *,
        field: str | None = None,
        config: str | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.exact_field = field
        self.config = config
        self.place = place

    @property
    def field(self) -> str | None:
        """Dotted path of the field, with ``***`` in place of what may be a secret."""
        return shown_field(self.exact_field) if self.exact_field is not None else None

    def within(self, config: str) -> ConfigError:
        """Return the same error with the config's key in it, unless it has one already."""
        return ConfigError(self.problem, field=self.exact_field, config=self.config or config, place=self.place)

    def __str__(self) -> str:
        # Names of files and fields may be any text, and must not pass for lines of a log.
        named = {"config": self.config, "field": self.field}
        where = [f"{kind} '{cut(one_line(name), _LONGEST_NAME)}'" for kind, name in named.items() if name]
        problem = one_line(self.problem)
        return f"{', '.join(where)}: {problem}" if where else problem


class ConflictError(ConfigError):
    """A config claims another config's DAG id or file."""


class MissingConnectionError(ConfigError):
    """
    A config refers to a Connection that Airflow does not find; later it may.

    Airflow takes a secrets backend that does not answer for one that does not have the Connection.
    """

    def within(self, config: str) -> MissingConnectionError:
        """Return the same error with the config's key in it, unless it has one already."""
        return MissingConnectionError(self.problem, field=self.exact_field, config=self.config or config)


class ArchiveError(DagFactoryError):
    """An archive of a config store can't be written, read or trusted."""


class LoaderError(DagFactoryError):
    """The loaders can't be written to Airflow's DAGs folder, or to that of a bundle."""


class CommandError(DagFactoryError):
    """A command of the command line was given what it can't use."""


class EnvironmentBuildError(DagFactoryError):
    """An environment for openmetadata-ingestion can't be built, or can't run pipelines."""


class WorkflowError(DagFactoryError):
    """The workflow of openmetadata-ingestion can't be built or started."""


class ServerError(WorkflowError):
    """A run can't use the OpenMetadata server until somebody changes something."""


class ServerUnavailable(ServerError):
    """A run can't use the OpenMetadata server now, but later it may: it is down, slow, or busy."""


class StatusError(DagFactoryError):
    """
    The state of a run can't be reported to the OpenMetadata server.

    :param passing: whether a later retry may succeed
    """

    def __init__(self, problem: str, *, passing: bool) -> None:
        super().__init__(problem)
        self.passing = passing
