"""
deploy/: the Dockerfile and the Helm values, read as far as that goes without a container engine and a cluster.

What the image and the chart of Airflow ask for are facts from their documentation (chart 1.22).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from airflow.configuration import conf
from packaging.specifiers import SpecifierSet

from dag_factory.cli.__main__ import parser
from dag_factory.dag.bundle_list import is_own, part_of
from dag_factory.settings.options import OPTIONS, SECTION
from dag_factory.settings.provider import get_provider_info
from tests.places import ROOT
from tools.install_paths import pinned

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
VALUES = (ROOT / "deploy" / "values.yaml").read_text()

# Each value of the chart that is set, and what it takes: a type, or the names of a Kubernetes object's fields.
CHART: dict[str, object] = {
    "executor": str,
    "airflowVersion": str,
    "images.airflow.repository": str,
    "images.airflow.tag": str,
    "volumes": {"name", "persistentVolumeClaim", "emptyDir"},
    "volumeMounts": {"name", "mountPath"},
    "secret": {"envName", "secretName", "secretKey"},
    "fernetKeySecretName": str,
    "dagProcessor.enabled": bool,
    "dagProcessor.dagBundleConfigList": {"name", "classpath", "kwargs"},
}
EXECUTORS = {"LocalExecutor", "CeleryExecutor", "KubernetesExecutor"}
# Python versions that Airflow publishes images for, beside ours.
PYTHONS = {"3.10", "3.11", "3.12", "3.13"}


def instructions() -> Iterator[tuple[str, str]]:
    """Yield the instructions of the Dockerfile: name and arguments, continuation lines joined, without comments."""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, arguments = line.partition(" ")
        yield name, " ".join(arguments.split())


@pytest.fixture(scope="module")
def arguments() -> dict[str, str]:
    return {
        name: value
        for kind, text in instructions()
        if kind == "ARG"
        for name, _, value in [text.partition("=")]
        if value
    }


def test_the_dockerfile_has_instructions_that_there_are_and_begins_with_the_tested_airflow(
    arguments: dict[str, str],
) -> None:
    kinds = [name for name, _ in instructions()]
    assert set(kinds) <= {"ARG", "FROM", "USER", "RUN", "COPY", "ENV"}
    (image,) = [text for name, text in instructions() if name == "FROM"]
    assert image == "apache/airflow:${AIRFLOW_VERSION}-python${PYTHON_VERSION}"
    assert kinds[: kinds.index("FROM")] == ["ARG", "ARG"]
    assert arguments["AIRFLOW_VERSION"] == pinned("apache-airflow")
    assert arguments["INGESTION_VERSION"] == pinned("openmetadata-ingestion")
    assert arguments["PYTHON_VERSION"] in PYTHONS
    assert re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text())


def test_each_variable_that_it_uses_is_set_after_from(arguments: dict[str, str]) -> None:
    known: set[str] = set()
    for kind, text in instructions():
        if kind == "FROM":
            known = set()
            continue
        if kind == "ARG":
            known.add(text.partition("=")[0])
        assert set(re.findall(r"\$\{(\w+)\}", text)) <= known, text


def test_pip_never_runs_as_root_which_airflows_image_refuses_and_the_image_does_not_either() -> None:
    user, last = "airflow", ""
    for kind, text in instructions():
        if kind == "USER":
            user = last = text
        if kind == "RUN":
            assert ("pip install" in text) <= (user == "airflow"), text
    assert last == "airflow"


def test_airflow_stays_in_the_version_of_the_image_and_nothing_is_left_in_a_cache() -> None:
    (install,) = [shlex.split(text) for kind, text in instructions() if kind == "RUN" and "pip install" in text]
    assert "--no-cache-dir" in install
    assert "apache-airflow==${AIRFLOW_VERSION}" in install


def test_the_second_environment_is_built_by_our_command_where_the_settings_look_for_it() -> None:
    (build,) = [shlex.split(text) for kind, text in instructions() if kind == "RUN" and "ingestion-env" in text]
    assert build[0] == "openmetadata-dag-factory"
    built = parser().parse_args(build[1:])
    assert (built.version, built.extras) == ("${INGESTION_VERSION}", "${INGESTION_EXTRAS}")
    assert f"__PYTHON={build[2]}/bin/python" in DOCKERFILE
    # The command overwrites nothing, so its folder must not be there, and that above it must be the user's.
    (made,) = [shlex.split(text) for kind, text in instructions() if kind == "RUN" and "install --directory" in text]
    assert build[2] not in made
    assert build[2].rpartition("/")[0] in made


def test_what_is_copied_is_what_make_dist_builds_and_the_users_own() -> None:
    (copied,) = [text for kind, text in instructions() if kind == "COPY"]
    assert copied == "--chown=airflow:root dist/*.whl /tmp/dist/"
    assert "/tmp/dist/*.whl" in DOCKERFILE


def test_its_settings_are_ours_and_name_places_that_it_makes() -> None:
    (settings,) = [text for kind, text in instructions() if kind == "ENV"]
    made = re.search(r"install --directory --owner=airflow [^&]*", DOCKERFILE)
    assert made is not None
    for name, value in (each.split("=") for each in settings.split()):
        assert name.removeprefix(f"AIRFLOW__{SECTION.upper()}__").lower() in OPTIONS
        assert any(value.startswith(place) for place in made[0].split() if place.startswith("/"))


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    read = yaml.safe_load(VALUES)
    assert isinstance(read, dict)
    return read


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that is not a mapping, by its path; those of `config` apart."""
    if isinstance(value, dict) and not path.startswith("config"):
        for name, below in value.items():
            yield from leaves(below, f"{path}.{name}".lstrip("."))
    elif not path.startswith("config"):
        yield path, value


def test_each_value_is_one_of_the_chart_and_of_its_type(values: dict[str, Any]) -> None:
    found = dict(leaves(values))
    assert found.keys() == CHART.keys()
    for path, value in found.items():
        kind = CHART[path]
        if isinstance(kind, set):
            assert isinstance(value, list)
            assert all(set(each) <= kind for each in value), path
        else:
            assert type(value) is kind, path
    assert values["executor"] in EXECUTORS
    assert values["airflowVersion"] == values["images"]["airflow"]["tag"] == pinned("apache-airflow")
    assert values["airflowVersion"] in SpecifierSet(">=3.1.7,<4")


def test_its_airflow_cfg_has_options_that_there_are(values: dict[str, Any]) -> None:
    known = {section: set(described["options"]) for section, described in conf.configuration_description.items()}
    known |= {section: set(described["options"]) for section, described in get_provider_info()["config"].items()}
    for section, options in values["config"].items():
        assert set(options) <= known[section]


def test_each_mount_has_its_volume_and_each_place_its_mount(values: dict[str, Any]) -> None:
    mounts = {each["name"]: each["mountPath"] for each in values["volumeMounts"]}
    assert mounts.keys() == {each["name"] for each in values["volumes"]}
    ours = values["config"][SECTION]
    assert {ours["config_store"], ours["state_folder"]} == set(mounts.values())
    assert ours["python"] in DOCKERFILE
    assert ours["config_store"] in DOCKERFILE
    (token,) = values["secret"]
    assert token["envName"] == f"AIRFLOW_CONN_{ours['openmetadata_conn_id'].upper()}"


def test_its_bundles_can_be_built_by_airflow_and_one_is_ours(values: dict[str, Any]) -> None:
    bundles = values["dagProcessor"]["dagBundleConfigList"]
    (own,) = [each for each in bundles if is_own(each)]
    assert part_of(own["kwargs"]).shards
    for each in bundles:
        module, _, name = each["classpath"].rpartition(".")
        assert hasattr(__import__(module, fromlist=[name]), name)
    assert len({each["name"] for each in bundles}) == len(bundles)


def test_no_secret_stands_in_either_file() -> None:
    for text in (DOCKERFILE, VALUES):
        assert not re.search(r"eyJ\w|\b[A-Za-z0-9-]{43}=|password:", text)
