"""The version of openmetadata-ingestion that is installed here is read once, until something is installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from dag_factory.configs.ingestion_versions import configured, installed
from dag_factory.settings.options import IN_PROCESS


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that comes first where Python looks for packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, version: str) -> None:
    folder = site / f"openmetadata_ingestion-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: openmetadata-ingestion\nVersion: {version}\n")


def test_another_version_is_noticed_by_a_process_that_has_asked_before(site: Path) -> None:
    before = installed(IN_PROCESS)
    install(site, "98.0.0")
    assert installed(IN_PROCESS) == "98.0.0"
    shutil.rmtree(site / "openmetadata_ingestion-98.0.0.dist-info")
    install(site, "99.0.0")
    assert installed(IN_PROCESS) == "99.0.0"
    shutil.rmtree(site / "openmetadata_ingestion-99.0.0.dist-info")
    assert installed(IN_PROCESS) == before


class Asked(MetaPathFinder):
    """Notes that packages are looked for, and finds none."""

    def __init__(self) -> None:
        self.times = 0

    def find_distributions(self, *context: object) -> Iterator[object]:
        del context
        self.times += 1
        return iter(())


@pytest.mark.usefixtures("site")
def test_it_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    monkeypatch.setattr(sys, "meta_path", [asked, *sys.meta_path])
    for _ in range(3):
        installed(IN_PROCESS)
    assert asked.times == 1


def test_a_version_that_is_set_wrong_is_unknown_and_allows_no_further_interpreter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for said, version in (("v2.0.6", "2.0.6"), ("2", None)):
        monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__INGESTION_VERSION", said)
        assert configured().of(None) == version
        assert not configured().is_open("/opt/other/bin/python")
