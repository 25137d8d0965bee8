"""The house: each room imports only from the rooms below it, and Airflow finds the two that it looks for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dag_factory"

# From the ground up. A module may import those before it, at the top or late.
FLOORS = [
    "plain_text", "nearest", "markdown", "dag_ids",
    "errors", "airflow_versions", "options", "settings", "ingestion_versions", "sealing", "references", "json_loader",
    "yaml_loader",
    "document", "validation", "validation.problem", "validation.words",
    "server_address", "python_classes", "allowed", "secret_names", "inheritance", "fqn", "recipients",
    "source_configs", "pipeline", "secret_texts", "secrets", "outcomes", "schemas", "at_rest", "shown_config",
    "masked_streams", "masking",
    "store.files", "store.identity", "store.own_files", "store.access", "store.copies", "store.last_good",
    "store.links", "store.listing", "store.memory", "store.presence", "store.lock", "store.pending", "store.notes",
    "store.announcements", "store.tokens", "store.writes", "store.folder", "store",
    "load_time", "claims", "verdicts", "catalog", "config_version", "server_connection",
    "bounded_timetable", "word_timetables", "schedule", "workflow", "workflow.types",
    "validation.spelling", "validation.names", "validation.kinds", "validation.source", "validation.server",
    "validation.schema_check", "validation.source_config",
    "validation.foreign", "validation.patterns", "validation.schedules", "validation.reach",
    "validation.validator", "validation.positions", "validation.configs",
    "notify", "trigger_form", "ui", "docs", "links",
    "workflow.overrides", "workflow.models", "workflow.source_config", "workflow.server", "workflow.secrets_read",
    "workflow.status",
    "workflow.server_calls", "workflow.logs", "workflow.run", "workflow.secrets_manager", "workflow.automation",
    "workflow.jobs",
    "runner", "runner.interpreter", "runner.secrets_manager", "runner.guard", "runner.child", "runner.pipes",
    "runner.process",
    "server_client", "server_check", "overtime",
    "reporting", "reporting.status", "reporting.queue", "reporting.task_outcome", "reporting.conclusion",
    "reporting.evidence", "reporting.mail", "reporting.ended_runs", "reporting.notes", "reporting.listener",
    "execution", "operator", "builder", "stand_in", "last_load",
    "loader", "toggled", "writer", "rotation", "parses",
    "watch", "watch.mounts", "watch.turn", "watch.folder_events", "watch.hints", "watch.changes", "watch.misnamed",
    "watch.report", "watch.watcher", "watch.request", "watch.start",
    "api", "api.answers", "api.bodies", "api.browsers", "api.brake", "api.calls", "api.transport", "api.rest",
    "api.identity", "api.parses", "api.automations", "api.context", "api.pages", "api.service", "api.automation_calls",
    "api.run_list", "api.ending", "api.runs", "api.logs", "api.toggle", "api.deployments",
    "api.doubled_slash", "api.app",
    "cli", "plugin", "provider",
]  # fmt: skip

# What an interpreter runs that has openmetadata-ingestion, but neither Airflow nor this package's dependencies.
ISOLATED = [
    "plain_text", "nearest", "errors", "sealing", "references", "secret_names", "secret_texts", "secrets", "outcomes",
    "masked_streams", "masking", "fqn", "source_configs", "python_classes", "workflow.types", "workflow.models",
    "workflow.source_config", "workflow.server", "workflow.secrets_read", "workflow.status", "workflow.server_calls",
    "workflow.run", "workflow.secrets_manager", "workflow.automation", "workflow.jobs", "runner.guard",
]  # fmt: skip


def modules() -> list[str]:
    names = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(name for name in names if name)


def imported(module: str) -> set[str]:
    path = PACKAGE.joinpath(*module.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dag_factory"):
            base = (node.module or "").removeprefix("dag_factory").removeprefix(".")
            inside = {f"{base}.{alias.name}".removeprefix(".") for alias in node.names}
            found |= (inside & set(FLOORS)) or {base}
    return found - {""}


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_below(module: str) -> None:
    below = FLOORS[: FLOORS.index(module)]
    assert imported(module) <= set(below)


def test_what_runs_beside_openmetadata_ingestion_imports_the_standard_library_and_itself() -> None:
    # With neither site-packages nor the working directory to import from, and the package loaded from where it lies.
    script = f"""
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("dag_factory", {str(PACKAGE / "__init__.py")!r})
sys.modules["dag_factory"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["dag_factory"])
for name in {ISOLATED!r}:
    import_module("dag_factory." + name)
print(*sorted(name for name in sys.modules if name.startswith("dag_factory.")))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert {name.removeprefix("dag_factory.") for name in done.stdout.split()} == {*ISOLATED, "workflow", "runner"}


def test_airflow_finds_the_plugin_and_the_provider() -> None:
    ours = list(distribution("openmetadata-dag-factory").entry_points)
    assert {point.group for point in ours} == {"airflow.plugins", "apache_airflow_provider"}
    (plugin,) = (p for p in entry_points(group="airflow.plugins") if p.name == "openmetadata_dag_factory")
    assert plugin.load().name == "openmetadata_dag_factory"


def test_the_provider_is_one_in_airflow_s_sense() -> None:
    script = (
        "from airflow.providers_manager import ProvidersManager as M;"
        "info = M().providers['openmetadata-dag-factory'];"
        "print(info.version, info.data['package-name'])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.split()[-1] == "openmetadata-dag-factory"


def test_airflow_lists_the_section_with_descriptions_and_defaults(tmp_path: Path) -> None:
    command = ["config", "list", "--section", "openmetadata_dag_factory", "--include-descriptions", "--show-values"]
    answer = subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "# Folder that holds the configs of all pipelines" in answer.stdout
    assert (
        f"config_store = {tmp_path}/configs" in answer.stdout
        or "config_store = {AIRFLOW_HOME}/configs" in answer.stdout
    )
