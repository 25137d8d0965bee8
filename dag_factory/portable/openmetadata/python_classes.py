"""Which Python classes that a document names may be imported. Importing one runs the code of its module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dag_factory.errors import ConfigError

# ASCII only: to Python, the same letters in other widths and fonts make the same name.
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MAX_LENGTH = 500
_APPLICATION = "application"


def check_application(document: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """
    Check that the Python class of an application pipeline may be imported; other pipelines have none.

    :raises ConfigError: where it is missing, or may not be imported
    """
    if document.get("pipelineType") == _APPLICATION:
        config = _config_of(document.get("sourceConfig"))
        check_class(config.get("sourcePythonClass"), allowed, field="sourceConfig.config.sourcePythonClass")


def check_connector(connection: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """
    Check that the Python class of a custom connector may be imported; other connections have none.

    :param connection: the service's, as the OpenMetadata server has it
    :raises ConfigError: where it may not be imported
    """
    if name := _config_of(connection).get("sourcePythonClass"):
        check_class(name, allowed, field="service.connection.config.sourcePythonClass")


def _config_of(holder: object) -> Mapping[str, Any]:
    config = holder.get("config") if isinstance(holder, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def check_class(name: object, allowed: Iterable[str], *, field: str) -> None:
    """
    Check that a class may be imported.

    :param allowed: prefixes, as the setting ``allowed_applications`` has them; each stands for whole parts of a dotted
        path, so ``metadata.`` allows ``metadata.applications.X`` and not ``metadatax.X``
    :param field: the field that names the class
    :raises ConfigError: where it is not allowed, or not the dotted path of a class
    """
    if name is None or name == "":
        raise ConfigError(
            "is missing. Name the Python class to run, such as metadata.applications.auto_tagger.AutoTaggerApp",
            field=field,
        )
    if not isinstance(name, str) or len(name) > _MAX_LENGTH or not _DOTTED.fullmatch(name) or "." not in name:
        raise ConfigError("is not the dotted path of a Python class, such as metadata.applications.X", field=field)
    opened = tuple(allowed)
    if not any(_is_below(name, prefix) for prefix in opened):
        raise ConfigError(
            f"names a class that is not open to configs (open: {', '.join(opened) or 'none'}). Ask Airflow's operator "
            "to add its package to [openmetadata_dag_factory] allowed_applications",
            field=field,
        )


def _is_below(name: str, prefix: str) -> bool:
    parts = prefix.rstrip(".")
    return bool(_DOTTED.fullmatch(parts)) and f"{name}.".startswith(f"{parts}.")
