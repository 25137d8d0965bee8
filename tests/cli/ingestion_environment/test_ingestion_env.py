from __future__ import annotations

import json
import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_factory.cli.__main__ import main
from tests.cli.failing import fails
from tests.cli.ingestion_environment.fake_uv import fake_uv


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """The command handles SIGTERM for itself, since its process does nothing else."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_uv(tmp_path / "uv")
    monkeypatch.setenv("PATH", f"{tmp_path}/uv:/usr/bin:/bin")


@pytest.mark.usefixtures("uv")
def test_it_says_what_was_built_and_which_setting_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["ingestion-env", "env", "--version", "2.0", "--extras", "postgres,snowflake"])
    said = capsys.readouterr()
    python = f"{tmp_path}/env/bin/python"
    first = said.out.splitlines()[0]
    assert first == f"{python} has openmetadata-ingestion 2.0.7.0 with postgres, snowflake, on Python 3.11.7."
    assert f"\n[openmetadata_dag_factory]\npython = {python}\n" in said.out
    assert "pipelines of an OpenMetadata server 2.0, and of no other version" in said.out
    assert [line.split()[0] for line in said.err.splitlines()] == ["Making", "Installing", "Importing"]


@pytest.mark.usefixtures("uv")
def test_json_has_the_same_for_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ingestion-env", str(tmp_path / "env"), "--version", "2.0", "--output", "json"])
    assert json.loads(capsys.readouterr().out) == {
        "python": f"{tmp_path}/env/bin/python",
        "version": "2.0.7.0",
        "extras": [],
        "python_version": "3.11.7",
        "server_version": "2.0",
        "requirements": ["openmetadata-ingestion==2.0.*", "dbt-core<1.12"],
        "installed_by": "uv",
        "settings": {"python": f"{tmp_path}/env/bin/python"},
    }


@pytest.mark.usefixtures("uv")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--version", "2.0 --index-url canary"], "--version is not a version"),
        (["--version", "2.0", "--extras", "; rm canary"], "--extras: number 1 is not the name"),
        (["--version", "2.0", "--python", "no-such-python"], "--python: 'no-such-python' is not found"),
    ],
    ids=["version", "extras", "python"],
)
def test_an_argument_that_it_can_t_use_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    with fails(capsys, f"^{problem}"):
        main(["ingestion-env", str(tmp_path / "env"), *arguments])
    assert not (tmp_path / "env").exists()


@pytest.mark.usefixtures("uv")
def test_a_version_that_was_not_tried_is_built_with_a_word_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ingestion-env", str(tmp_path / "env"), "--version", "2.1"])
    assert capsys.readouterr().err.startswith("openmetadata-ingestion 2.1 has not been tried with this package …\n")


def wheel(folder: Path, name: str, version: str, files: dict[str, str], about: str = "") -> None:
    """Make a wheel that pip installs."""
    distribution = f"{name.replace('-', '_')}-{version}"
    info = f"{distribution}.dist-info"
    every = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{about}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{distribution}-py3-none-any.whl", "w") as archive:
        for path, content in every.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in every))


@pytest.mark.slow
def test_pip_builds_one_where_there_is_no_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels = tmp_path / "wheels"
    workflow = {"metadata/__init__.py": "", "metadata/workflow/__init__.py": "", "metadata/workflow/metadata.py": ""}
    wheel(wheels, "openmetadata-ingestion", "1.12.3.0", workflow, "Provides-Extra: postgres\n")
    wheel(wheels, "dbt-core", "1.11.9", {})
    wheel(wheels, "dbt-core", "1.12.0", {})
    wheel(wheels, "cachetools", "6.0", {})
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    place = tmp_path / "env"
    main(["ingestion-env", str(place), "--version", "1.12", "--extras", "postgres", "--python", sys.executable])
    said = capsys.readouterr().out
    assert said.startswith(f"{place}/bin/python has openmetadata-ingestion 1.12.3.0 with postgres, on Python ")
    assert "It was held to cachetools: openmetadata-ingestion 1.12 imports it" in said
    (site,) = place.glob("lib/python3*/site-packages")
    assert {path.name for path in site.glob("*.dist-info")} >= {"dbt_core-1.11.9.dist-info", "cachetools-6.0.dist-info"}
    assert (place / "bin" / "pip").read_text().startswith(f"#!{place}/bin/python")
