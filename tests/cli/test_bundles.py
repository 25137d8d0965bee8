from __future__ import annotations

import configparser
import json
import os
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from dag_factory import IngestionBundle
from dag_factory.cli.bundles import VARIABLE, bundles, lines
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.shards import shards
from tests.airflow_versions import bundles_configured
from tests.cli.failing import fails


def printed(capsys: pytest.CaptureFixture[str], of: int, parts: int) -> str:
    bundles(Namespace(shards=of, parts=parts))
    return capsys.readouterr().out


def from_environment(text: str) -> str:
    """Return the value that the printed line gives the variable, as a shell reads it."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{VARIABLE}=")]
    done = subprocess.run(
        ["sh", "-c", f'{line}; printf %s "${VARIABLE}"'],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    return done.stdout


@pytest.mark.parametrize(("of", "parts"), [(64, 1), (64, 4), (1, 1)])
def test_what_is_printed_is_what_airflow_loads(
    of: int, parts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, of, parts)
    parser = configparser.ConfigParser()
    parser.read_string(text[text.index("[dag_processor]") : text.index("# The same")])
    in_file = parser["dag_processor"]["dag_bundle_config_list"]
    assert json.loads(in_file) == json.loads(from_environment(text))

    monkeypatch.setenv(VARIABLE, from_environment(text))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path))
    made: list[str] = []
    for bundle in bundles_configured().get_all_dag_bundles():
        assert isinstance(bundle, IngestionBundle)
        bundle.initialize()
        made += [path.name for path in bundle.path.iterdir()]
    assert sorted(made) == [shard.file_name for shard in shards(of)]
    # As it is configured by now, nothing is wrong.
    assert "As it is configured now" not in printed(capsys, of, parts)


def test_each_part_has_a_dag_processor_and_other_bundles_are_to_be_kept() -> None:
    text = lines(64, 2)
    assert "airflow dag-processor --bundle-name openmetadata_1" in text
    assert "keep what you still need of 'dags-folder'" in text
    assert "--bundle-name" not in lines(64, 1)


@pytest.mark.parametrize(
    ("of", "parts", "message"), [(0, 1, "shards is 0"), (4, 8, "parts is 8"), (4, 0, "parts is 0")]
)
def test_what_can_t_be_is_said_and_no_traceback(
    capsys: pytest.CaptureFixture[str], of: int, parts: int, message: str
) -> None:
    with fails(capsys, message):
        bundles(Namespace(shards=of, parts=parts))


def test_what_is_wrong_as_it_is_configured_now_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configured = [
        {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}},
        {"name": "ours", "classpath": "dag_factory.IngestionBundle", "kwargs": {"shards": 4, "parts": 2}},
    ]
    monkeypatch.setenv(VARIABLE, json.dumps(configured))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    LoaderFolder(tmp_path / "dags").make(shards(1))
    text = printed(capsys, 4, 2)
    assert "As it is configured now: No bundle makes part 1 of 2" in text
    assert f"As it is configured now: '{tmp_path / 'dags'}' has loaders too, so each pipeline has two." in text
