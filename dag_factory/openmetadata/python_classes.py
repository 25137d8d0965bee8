"""Python classes that a document names: which of them may be imported. Importing one runs the code of its module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dag_factory.errors import ConfigError

# ASCII alone: Python itself takes letters of other widths and fonts for the same name.
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MAX_LENGTH = 500
_APPLICATION = "application"


def check_application(document: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """
    Check that the Python class may be imported which a document names, if it is an application pipeline's.

    :raises ConfigError: where it is missing, or may not be imported
    """
    if document.get("pipelineType") == _APPLICATION:
        config = _config_of(document.get("sourceConfig"))
        check_class(config.get("sourcePythonClass"), allowed, field="sourceConfig.config.sourcePythonClass")


def check_connector(connection: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """
    Check that the Python class may be imported which a service's connection names, if it is a custom connector's.

    :param connection: of the service, as the OpenMetadata server has it that the document names
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
        path, so ``metadata.`` opens ``metadata.applications.X`` and not ``metadatax.X``
    :param field: where the document names the class
    :raises ConfigError: where it may not, or is not the dotted path of a class
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
