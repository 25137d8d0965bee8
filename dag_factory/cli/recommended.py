"""The settings that are recommended, as lines for airflow.cfg and for the environment."""

from __future__ import annotations

from itertools import groupby

from dag_factory import settings
from dag_factory.cli.checks.recommended import RECOMMENDATIONS, TO_LOOK_THROUGH, parts_for, shards_for
from dag_factory.settings.options import SECTION


def recommended(pipelines: int) -> str:
    """
    Return the lines, and what else to do.

    :param pipelines: how many there are
    :raises SettingsError: where a setting has no usable value
    """
    in_file, in_environment = [], []
    for section, group in groupby(
        sorted(RECOMMENDATIONS, key=lambda each: each.section), key=lambda each: each.section
    ):
        in_file.append(f"[{section}]")
        for each in group:
            value = each.value(pipelines)
            now = "as it is now" if each.current == str(value) else f"now {each.current or 'empty'}"
            in_file += [f"# {now}; {each.why}", f"{each.option} = {value}"]
            in_environment.append(f"{each.variable}={value}")
    shards, parts = shards_for(pipelines), parts_for(pipelines)
    restart = sorted({each.restart for each in RECOMMENDATIONS})
    divide = [f"# Divide the loader: airflow openmetadata-dag-factory init --shards {shards}"] if shards > 1 else []
    if parts > 1:
        divide.append(
            "# Or without a DAGs folder, which makes each change cheaper: airflow openmetadata-dag-factory bundles "
            f"--shards {shards} --parts {parts}"
        )
    return "\n".join(
        [
            f"# Recommended for {pipelines} pipelines. docs/scaling.md says why, and what they cost.",
            "# In airflow.cfg, the same on every machine:",
            *in_file,
            "",
            "# The same in the environment:",
            *in_environment,
            "",
            f"# What is right for these of [{SECTION}] depends on your installation; they are as they are now:",
            *(f"# {name} = {value}" for name, value in values_to_look_through().items()),
            "",
            *divide,
            f"# Then restart Airflow's {' and '.join(restart)}.",
            "# Whether it works: openmetadata-dag-factory doctor",
        ]
    )


def values_to_look_through() -> dict[str, str]:
    """
    Return the present values of the settings whose right value depends on the installation.

    :raises SettingsError: where one has no usable value
    """
    values = {
        "config_store": settings.config_store(),
        "openmetadata_conn_id": settings.openmetadata_conn_id() or "",
        "allowed_servers": ", ".join(settings.allowed_servers()),
        "python": settings.python(),
        "state_folder": str(settings.state_folder()),
    }
    return {name: values[name] for name in TO_LOOK_THROUGH}
