"""The rooms of the package, what each may import, and what Airflow finds in it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

from tests.airflow_versions import BEFORE_3_2
from tests.forked_python import ForkedPython
from tests.places import ROOMS, ROOT

PACKAGE = ROOT / "dag_factory"

# All that an interpreter runs which has openmetadata-ingestion, but neither Airflow nor this package's dependencies.
ISOLATED = PACKAGE / "portable"


def test_each_room_imports_only_from_the_rooms_below_it() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_an_import_from_a_room_above_is_found(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "dag_factory", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "dag_factory" / "configs" / "document.py").open("a") as file:
        file.write("\nfrom dag_factory.store.catalog import Catalog\n")
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dag_factory.configs.document -> dag_factory.store.catalog" in done.stdout


def test_the_root_holds_at_most_ten_names_and_each_room_says_where_it_runs_and_what_it_may_import() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "errors"}
    assert len(list(PACKAGE.glob("*/__init__.py"))) + len(["errors"]) <= 10
    for room in ROOMS:
        docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
        assert re.search(r"\n\nRuns (in|where|wherever) ", docstring), room
        assert re.search(r"\b(may import|imports) ", " ".join(docstring.split())), room


def test_what_runs_beside_openmetadata_ingestion_imports_the_standard_library_and_itself() -> None:
    # With neither site-packages nor the working directory to import from, and the package loaded from where it lies.
    names = sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in ISOLATED.rglob("*.py")
        if path.name != "__init__.py"
    )
    script = f"""
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("dag_factory", {str(PACKAGE / "__init__.py")!r})
sys.modules["dag_factory"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["dag_factory"])
for name in {names!r}:
    import_module("dag_factory." + name)
print(*sorted(name for name in sys.modules if name.startswith("dag_factory.")))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("dag_factory.") for name in done.stdout.split()}
    folders = {name.rpartition(".")[0] for name in names}
    assert loaded == {*names, *folders, "errors"}


def test_airflow_finds_the_plugin_and_the_provider() -> None:
    ours = list(distribution("openmetadata-dag-factory").entry_points)
    assert {point.group for point in ours} == {"airflow.plugins", "apache_airflow_provider", "console_scripts"}
    (plugin,) = (p for p in entry_points(group="airflow.plugins") if p.name == "openmetadata_dag_factory")
    assert plugin.load().name == "openmetadata_dag_factory"


def test_the_provider_is_one_in_airflow_s_sense(tmp_path: Path, forked_python: ForkedPython) -> None:
    script = (
        "from airflow.providers_manager import ProvidersManager as M;"
        "info = M().providers['openmetadata-dag-factory'];"
        "print(info.version, info.data['package-name'])"
    )
    answer = forked_python.run(script, env={**os.environ, "AIRFLOW_HOME": str(tmp_path)})
    assert answer.stdout.split()[-1] == "openmetadata-dag-factory"


def test_airflow_lists_the_section_with_descriptions_and_defaults(tmp_path: Path, forked_python: ForkedPython) -> None:
    command = ["config", "list", "--section", "openmetadata_dag_factory", "--include-descriptions"]
    if not BEFORE_3_2:
        command.append("--show-values")
    script = f"import sys; from airflow.__main__ import main; sys.argv = ['airflow', *{command}]; main()"
    answer = forked_python.run(script, env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""})
    assert "# Folder that holds the configs of all pipelines" in answer.stdout
    assert (
        f"config_store = {tmp_path}/configs" in answer.stdout
        or "config_store = {AIRFLOW_HOME}/configs" in answer.stdout
    )
