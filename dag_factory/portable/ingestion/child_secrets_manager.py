"""OpenMetadata's secrets manager with the loader ``airflow``, in a child without Airflow."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.run import require_ingestion


class _Values:
    """Stands in for Airflow's configuration, with the same values in each section."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, _section: str, key: str, fallback: Any = None) -> Any:
        return self._values.get(key, fallback)

    def getboolean(self, _section: str, key: str, fallback: bool = False) -> bool:
        value = self._values.get(key)
        return fallback if value is None else value.strip().lower() in ("t", "true", "1")


def set_up(provider: str, values: Mapping[str, str]) -> None:
    """
    Set up the secrets manager of this process, with the options that its loader would read from Airflow's
    configuration.

    openmetadata-ingestion keeps the first one that is made. The stand-in for Airflow is removed afterwards, so that
    nothing else takes it for Airflow.

    :param provider: ``secretsManagerProvider`` of the connection to the OpenMetadata server
    :param values: what the section ``[openmetadata_secrets_manager]`` says, by key
    :raises WorkflowError: where the secrets manager is unknown or can't be set up
    """
    require_ingestion()
    from metadata.generated.schema.security.secrets.secretsManagerClientLoader import SecretsManagerClientLoader
    from metadata.generated.schema.security.secrets.secretsManagerProvider import SecretsManagerProvider
    from metadata.utils.secrets.secrets_manager_factory import SecretsManagerFactory

    try:
        with _airflow(values):
            SecretsManagerFactory(SecretsManagerProvider(provider), SecretsManagerClientLoader.airflow)
    except Exception as error:
        raise WorkflowError(
            f"the secrets manager '{provider}' can't be set up with secretsManagerLoader 'airflow': "
            f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def _airflow(values: Mapping[str, str]) -> Iterator[None]:
    """Make ``from airflow.configuration import conf`` import a configuration of these values only."""
    configuration = ModuleType("airflow.configuration")
    configuration.conf = _Values(values)  # type: ignore[attr-defined]
    stand_ins = {"airflow": ModuleType("airflow"), configuration.__name__: configuration}
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
