"""Which interpreter runs ingestion code, and what of the environment it gets to see."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from dag_factory import settings
from dag_factory.errors import ConfigError
from dag_factory.options import IN_PROCESS

# Airflow's own variables hold its keys, its Connections and the way to its supervisor. Those of Python and of a virtual
# environment would lead the other interpreter to Airflow's packages.
_NOT_PASSED_ON = re.compile(r"_*AIRFLOW_.*|_*PYTHON.*|VIRTUAL_ENV(_.*)?|__PYVENV_LAUNCHER__", re.IGNORECASE)
# What a cloud's client libraries look for in the environment, they get, even where the config holds it as well.
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_")


def choose(wanted: str | None) -> str | None:
    """
    Return the interpreter that is to run a pipeline, None for the worker's own process.

    A config may come from any user who may deploy, and must not be able to start any program of the worker. So it can
    only choose among the interpreters that the settings name.

    :param wanted: the config's ``dagFactory.runner.python``, None where it says nothing
    :raises ConfigError: where the settings do not allow it
    :raises SettingsError: where a setting is wrong
    """
    default = settings.python()
    chosen = wanted or default
    if chosen == IN_PROCESS:
        return None
    if chosen not in {default, *settings.allowed_pythons()}:
        raise ConfigError(
            f"'{chosen}' is not among the interpreters that this worker may start. Name it in "
            "[openmetadata_dag_factory] allowed_pythons, or choose another one",
            field="dagFactory.runner.python",
        )
    return chosen


def environment(
    python: str, inherited: Mapping[str, str] | None = None, *, secrets: Collection[str] = ()
) -> dict[str, str]:
    """
    Return the environment of a child.

    It is that of this process (locale, proxies, certificates, credentials of clouds, drivers' settings: no list of ours
    would know all that a source needs), without what is Airflow's and Python's, and without the secrets that the child
    gets otherwise. The interpreter's folder comes first in the PATH, as in a virtual environment that is active.

    :param inherited: this process's environment, if not given
    :param secrets: values that no variable may have
    """
    inherited = os.environ if inherited is None else inherited
    kept = {
        name: value
        for name, value in inherited.items()
        if not _NOT_PASSED_ON.fullmatch(name) and (value not in secrets or name.startswith(_CLOUDS))
    }
    path = [str(Path(python).parent), *filter(None, [kept.get("PATH")])]
    return {**kept, "PATH": os.pathsep.join(path)}
