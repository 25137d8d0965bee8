from __future__ import annotations

from pathlib import Path

import pytest

from dag_factory.errors import CommandError
from dag_factory.store.folder.authored import Authored, authored, key_in, root_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "defaults.yaml").touch()
    repository = tmp_path / "repository"
    for folder in (".git", "configs/sales/eu", "other"):
        (repository / folder).mkdir(parents=True)
    for file in ("configs/defaults.yaml", "configs/sales/eu/defaults.yml", "configs/sales/eu/a.yaml", "other/b.yaml"):
        (repository / file).touch()
    return repository


def test_a_store_begins_with_the_highest_defaults_of_the_repository(repository: Path) -> None:
    configs = repository / "configs"
    assert root_of(configs / "sales" / "eu") == configs
    assert root_of(configs / "sales") == configs
    assert root_of(configs) == configs
    # Nothing says so, and what lies above the repository doesn't count.
    assert root_of(repository / "other") == repository / "other"
    (repository / "other" / ".store").touch()
    (repository / "other" / "deep").mkdir()
    assert root_of(repository / "other" / "deep") == repository / "other"


def test_the_configured_store_is_one_whatever_lies_in_it(repository: Path) -> None:
    assert root_of(repository / "configs" / "sales", configured=repository / "configs" / "sales") == (
        repository / "configs" / "sales"
    )
    assert root_of(repository / "configs", configured=repository / "other") == repository / "configs"


def test_files_and_folders_have_their_keys_in_their_stores(repository: Path) -> None:
    configs = repository / "configs"
    paths = [configs / "sales" / "eu" / "a.yaml", configs, repository / "other" / "b.yaml", configs / "sales"]
    assert authored(paths) == [
        Authored(configs, ("sales/eu/a.yaml",), ("", "sales")),
        Authored(repository / "other", ("b.yaml",)),
    ]


def test_a_store_may_be_named(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert authored([Path("configs/sales/eu/a.yaml")], Path("configs/sales")) == [
        Authored(Path("configs/sales"), ("eu/a.yaml",))
    ]
    with pytest.raises(CommandError, match=r"'other/b.yaml' is not in the store 'configs'"):
        authored([Path("other/b.yaml")], Path("configs"))


def test_a_path_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"is missing\. Name a file or a folder"):
        authored([tmp_path / "gone.yaml"])
    (tmp_path / "link.yaml").symlink_to("gone")
    assert authored([tmp_path / "link.yaml"])[0].keys == ("link.yaml",)


def test_a_key_is_below_its_store(tmp_path: Path) -> None:
    assert key_in(tmp_path, tmp_path / "x" / ".." / "a.yaml") == "a.yaml"
    assert key_in(tmp_path / "x", tmp_path / "a.yaml") is None
