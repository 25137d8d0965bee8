"""Which files are the plugin's: by what they do, never by their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dag_factory.cli.migration.generated import find, recognized
from dag_factory.errors import CommandError
from tests.managed_apis import generated

TEXT = generated("/opt/airflow/dag_generated_configs/orders.json")


def test_a_generated_file_is_recognized_whatever_its_name_with_the_document_that_it_reads(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "renamed.py").write_text(TEXT)
    (tmp_path / "orders.py").write_text("from airflow import DAG\n")
    (found,) = find(tmp_path, {})
    assert found.path == tmp_path / "below" / "renamed.py"
    assert found.config == Path("/opt/airflow/dag_generated_configs/orders.json")
    assert found.additions is None


def test_a_path_that_the_plugin_has_written_as_for_html_is_read_back() -> None:
    found = recognized(Path("a.py"), generated("/opt/it's <R&D>/orders.json").encode())
    assert found is not None
    assert found.config == Path("/opt/it's <R&D>/orders.json")


def test_an_older_plugin_s_file_without_the_last_line_is_one_too() -> None:
    found = recognized(Path("a.py"), TEXT.rpartition("\n")[0].encode())
    assert found is not None
    assert found.additions is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print('openmetadata_managed_apis WorkflowFactory.create')",
        "# openmetadata_managed_apis\nfrom airflow import DAG\n",
        "from openmetadata_managed_apis.workflows import workflow_factory\n",
        "import openmetadata_managed_apis as a\nb = a.anything.create('/x.json')",
        TEXT.replace("from openmetadata_managed_apis.workflows", "from elsewhere"),
        TEXT + "\n)",
        "(" * 5000 + TEXT,
        TEXT + "\0",
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    assert recognized(Path("orders.py"), text.encode()) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TEXT + "\ndag.tags.add('mine')", "it was changed by hand"),
        (TEXT.replace("dag = workflow.get_dag()", "dag = workflow.get_dag(1)"), "it was changed by hand"),
        (TEXT.replace("from airflow import DAG", "from airflow import DAG, Dataset"), "it was changed by hand"),
        (TEXT.replace("from airflow import DAG", "import os"), "it was changed by hand"),
        (TEXT.replace('create("', 'create("/a.json" + "'), "it was changed by hand"),
        (TEXT + "\n" + TEXT, "it was changed by hand"),
        ("import os\n" + TEXT, "it was changed by hand"),
        (TEXT + "\nx" + ".y" * 900 + ".z()", "it was changed by hand"),
        ("x" + ".y" * 900 + " = f()\n" + TEXT, "it was changed by hand"),
        (TEXT.replace("/orders.json", "\\0/orders.json"), "it was changed by hand"),
        (TEXT + "  # ask Ann before you remove this", "a comment was added by hand"),
    ],
)
def test_one_that_somebody_has_changed_is_reported_as_such(text: str, why: str) -> None:
    found = recognized(Path("orders.py"), text.encode())
    assert found is not None
    assert found.additions == why


def test_links_and_what_can_t_be_read_are_reported_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    dags, outside = tmp_path / "dags", tmp_path / "outside"
    for folder in (dags, outside):
        folder.mkdir()
    (outside / "orders.py").write_text(TEXT)
    (dags / "orders.py").symlink_to(outside / "orders.py")
    (dags / "folder").symlink_to(outside)
    os.mkfifo(dags / "pipe.py")
    (dags / "broken.py").symlink_to(tmp_path / "nowhere")
    unread: dict[Path, str] = {}
    (found,) = find(dags, unread)
    assert found.additions == "it is a link"
    assert unread == {dags / "broken.py": "No such file or directory"}


def test_a_missing_dags_folder_is_said_and_nothing_else_happens(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"is missing\. Name the one that Airflow has: --dags-folder"):
        list(find(tmp_path / "dags", {}))
