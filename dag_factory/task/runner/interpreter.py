"""Which interpreter runs ingestion code, and which environment variables it gets."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from dag_factory import settings
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.names import is_secret_name
from dag_factory.settings.options import IN_PROCESS

SCRIPT = Path(__file__).parents[2] / "portable" / "ingestion" / "child.py"
"""The script that it runs."""

# Airflow's own variables hold its keys, its Connections and its supervisor's address. With those of Python and of a
# virtual environment, the other interpreter would import Airflow's packages.
_NOT_PASSED_ON = re.compile(r"_*AIRFLOW_.*|_*PYTHON.*|VIRTUAL_ENV(_.*)?|__PYVENV_LAUNCHER__", re.IGNORECASE)
# A program needs these at its start, and none of them holds a secret.
_NEEDED_AT_START = re.compile(r"LD_.*|LC_.*|LANG|PATH|HOME|TZ")
# Variables for the client libraries of clouds are passed on, even if the config holds the same secret.
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_")


def choose(wanted: str | None) -> str | None:
    """
    Return the interpreter to run a pipeline with, None for the worker's own process.

    Any user who may deploy can write a config, which must not be able to start any program on the worker. So it can
    only choose among the interpreters in the settings.

    :param wanted: the config's ``dagFactory.runner.python``, None where it names none
    :raises ConfigError: where the settings do not allow it
    :raises SettingsError: where a setting is invalid
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

    It is this process's (locale, proxies, certificates, cloud credentials, settings of drivers: no list could name all
    that a source needs), without Airflow's and Python's variables, and without the secrets that the child gets on
    standard input. The interpreter's folder comes first in the PATH, as in an active virtual environment.

    :param inherited: None for this process's environment
    :param secrets: variables with one of these values are left out
    """
    inherited = os.environ if inherited is None else inherited
    kept = {
        name: value
        for name, value in inherited.items()
        if not _NOT_PASSED_ON.fullmatch(name) and (value not in secrets or name.startswith(_CLOUDS))
    }
    path = [str(Path(python).parent), *filter(None, [kept.get("PATH")])]
    return {**kept, "PATH": os.pathsep.join(path)}


def template_environment(python: str) -> dict[str, str]:
    """
    Return the environment of a template: only what every run needs, since each child can read it.

    These are the variables of a child, without those whose names say that they hold a secret, and those that a config
    may refer to. A child has all of them from the beginning of its run on.
    """
    referable = settings.allowed_env()
    return {
        name: value
        for name, value in environment(python).items()
        if _NEEDED_AT_START.fullmatch(name)
        or not (is_secret_name(name) or any(fnmatchcase(name, pattern) for pattern in referable))
    }
