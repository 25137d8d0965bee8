"""All checks, in the order in which `doctor` runs them: what others need comes first."""

from __future__ import annotations

from dag_factory.cli.checks import (
    airflow_checks,
    config_checks,
    loader_checks,
    secrets_checks,
    server_checks,
    store_checks,
)
from dag_factory.cli.checks.check import Check
from dag_factory.cli.checks.settings_checks import risky_settings

CHECKS = (
    Check("plugin", "Airflow finds this package's plugin and provider", airflow_checks.plugin),
    Check("database", "Airflow's database answers, and is not SQLite", airflow_checks.database),
    Check("processes", "scheduler and DAG processor are alive", airflow_checks.processes),
    Check("store", "the config store is there, is known here, and can be written", store_checks.store),
    Check("locks", "two writers at once notice each other", store_checks.locks, ("store",)),
    Check("space", "there is room, and inodes, for the store and `state_folder`", store_checks.space, ("store",)),
    Check("state_folder", "`state_folder` can be written and outlives its container", store_checks.state_folder),
    Check("loader", "each loader is there once, parsed, and without import errors", loader_checks.loader, ("store",)),
    Check("marker", "loaders see the changes of the store", loader_checks.marker, ("store",), 30.0),
    Check("parses", "how near loads and parses come to Airflow's limits", loader_checks.parses, ("store",)),
    Check("configs", "how many configs are good, broken, or run a last good version", config_checks.configs,
          ("store",), 120.0),
    Check("fernet", "a Fernet key is set, and opens what is encrypted", secrets_checks.fernet, ("store",), 60.0),
    Check("settings", "no setting costs or risks more than it should", risky_settings),
    Check("ingestion", "which openmetadata-ingestion each interpreter has", server_checks.ingestion, (), 60.0),
    Check("server", "the OpenMetadata server answers, accepts the token, and has the same version",
          server_checks.server, (), 60.0),
    Check("clock", "the clocks of database and OpenMetadata server are right", server_checks.clock),
    Check("api", "the API that an OpenMetadata server calls can be reached", airflow_checks.api),
)  # fmt: skip
