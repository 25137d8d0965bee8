from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.problem import ERROR, WARNING
from dag_factory.store.findings import Findings, findings_of_files, findings_of_store, findings_of_text
from dag_factory.store.folder.folder_store import FolderStore
from tests.documents import REST
from tests.store.any_store import Kind, opened

DEFAULTS = json.dumps({"pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST})


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "defaults.yaml").write_text(DEFAULTS)
    return FolderStore(tmp_path)


def write(store: FolderStore, **files: str) -> None:
    for name, text in files.items():
        path = store.root / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def said(found: Findings) -> list[tuple[Any, ...]]:
    return [(each.config, each.line, each.level, each.field) for each in found.problems]


def test_all_files_are_judged_and_each_finding_has_its_file(store: FolderStore) -> None:
    write(
        store,
        a_yaml="name: a\nairflowConfig: {scheduleInteval: 0 3 * * *}\n",
        x__b_yaml="name: b\nenabled: no\nairflowConfig:\n  retries: two\n",
        x__defaults_yaml="airflowConfg: {}\n",
        y__c_yaml="name: a\n",
    )
    found = findings_of_store(store)
    assert said(found) == [
        ("a.yaml", 2, WARNING, "airflowConfig.scheduleInteval"),
        ("x/b.yaml", 2, ERROR, "enabled"),
        ("x/b.yaml", 4, ERROR, "airflowConfig.retries"),
        ("x/defaults.yaml", 1, WARNING, "airflowConfg"),
        ("y/c.yaml", 1, ERROR, "name"),
    ]
    assert (found.files, found.errors, found.warnings) == (5, 3, 2)
    assert said(findings_of_store(store, ["y"])) == [("y/c.yaml", 1, ERROR, "name")]


def test_what_is_wrong_in_defaults_is_said_once(store: FolderStore) -> None:
    write(store, x__defaults_yaml="airflowConfig: {retries: two}\n", x__a_yaml="name: a\n", x__b_yaml="name: b\n")
    assert said(findings_of_store(store)) == [("x/defaults.yaml", 1, ERROR, "airflowConfig.retries")]
    write(store, x__defaults_yaml="a: [\n")
    (problem,) = findings_of_store(store).problems
    assert (problem.config, "is not YAML" in problem.problem) == ("x/defaults.yaml", True)


def test_what_looks_healthy_and_is_never_read_is_a_warning(store: FolderStore) -> None:
    text = "name: a\npipelineType: metadata\nsourceConfig: {config: {type: DatabaseMetadata}}\n"
    for name in ("a.yaml.txt", ".b.yaml", "c.yamll", "notes.txt", ".store", ".d.yaml.swp"):
        (store.root / name).write_text(text if name != "notes.txt" else "nothing\n")
    (store.root / "unused").mkdir()
    (store.root / "unused" / "defaults.yml").write_text("airflowConfig: {retries: 2}\n")
    found = findings_of_store(store)
    # The root's own defaults are not read by any config either.
    assert said(found) == [
        (name, None, WARNING, None)
        for name in (".b.yaml", "a.yaml.txt", "c.yamll", "defaults.yaml", "unused/defaults.yml")
    ]


def test_a_folder_that_can_not_be_listed_is_an_error(store: FolderStore) -> None:
    write(store, a_yaml="name: a\n", x__b_yaml="name: b\n")
    (store.root / "x" / "loop").symlink_to(store.root.parent)
    (problem,) = findings_of_store(store).problems
    assert (problem.config, problem.level) == ("x/loop", ERROR)
    assert "can't be listed" in problem.text


def test_of_some_files_these_alone_are_judged_and_of_defaults_their_heirs(store: FolderStore) -> None:
    write(store, a_yaml="name: a\nenabled: no\n", x__b_yaml="name: b\nenabled: no\n", x__defaults_yaml="{}\n")
    assert said(findings_of_files(store, ["a.yaml"])) == [("a.yaml", 2, ERROR, "enabled")]
    found = findings_of_files(store, ["x/defaults.yaml"])
    assert (said(found), found.files) == ([("x/b.yaml", 2, ERROR, "enabled")], 2)
    (problem,) = findings_of_files(store, ["readme.txt"]).problems
    assert "is not read as a config" in problem.text
    write(store, a_yaml="name: a\n", c_yaml="name: a\n")
    assert ("c.yaml", 1, ERROR, "name") in said(findings_of_files(store, ["c.yaml", "a.yaml"]))


def test_a_bucket_is_judged_as_a_folder_is(kind: Kind) -> None:
    kind.put("defaults.yaml", DEFAULTS)
    kind.put("x/a.yaml", "name: a\nenabled: no\nairflowConfig: {scheduleInteval: 0 3 * * *}\n")
    kind.put("b.yaml", "name: a\n")
    found = findings_of_store(opened(kind))
    assert said(found) == [
        ("x/a.yaml", 2, ERROR, "enabled"),
        ("x/a.yaml", 3, WARNING, "airflowConfig.scheduleInteval"),
    ]
    assert found.files == 3


class Texts(dict[str, bytes]):
    def read(self, key: str) -> bytes:
        return self[key]


def test_a_text_is_judged_beside_its_defaults() -> None:
    texts = Texts({"x/defaults.yaml": DEFAULTS.encode(), "x/a.yaml": b"name: a\nairflowConfig: {retries: two}\n"})
    assert said(findings_of_text(texts, "x/a.yaml", Allowed(env=("OPENMETADATA_*",)))) == [
        ("x/a.yaml", 2, ERROR, "airflowConfig.retries")
    ]
    torn = findings_of_text(Texts({"a.json": b"{"}), "a.json", Allowed())
    assert [(each.config, each.line, each.column) for each in torn.problems] == [("a.json", 1, 2)]
