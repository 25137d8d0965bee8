"""Who may read a copy of a file: nobody who could not read all that it was made of."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_factory.store.folder.access import OWNER_ONLY, Access, AccessRights


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that all may look into; pytest's own is closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def root(folder: Path) -> Path:
    root = folder / "store"
    (root / "team").mkdir(parents=True)
    for path in (root, root / "team"):
        path.chmod(0o755)
    for name in ("a.json", "defaults.yaml"):
        (root / "team" / name).touch()
        (root / "team" / name).chmod(0o644)
    return root


def access(root: Path) -> Access:
    return AccessRights(root).of("team/a.json", ("team/defaults.yaml", "defaults.yaml"))


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        (".", 0o755, 0o644),
        ("team/a.json", 0o640, 0o640),
        ("team/a.json", 0o600, 0o600),
        ("team/a.json", 0o604, 0o604),
        ("team/a.json", 0o777, 0o644),
        ("team/defaults.yaml", 0o600, 0o600),
        ("team/defaults.yaml", 0o640, 0o640),
        ("team", 0o700, 0o600),
        ("team", 0o750, 0o640),
        (".", 0o700, 0o600),
        ("team", 0o744, 0o600),  # its names may be listed, its files can't be opened
    ],
)
def test_the_narrowest_permission_counts(root: Path, path: str, mode: int, expected: int) -> None:
    (root / path).chmod(mode)
    found = access(root)
    assert oct(found.mode) == oct(expected)
    assert found.group == (os.getgid() if expected & 0o040 else None)


def test_a_file_that_is_linked_is_as_closed_as_where_it_lies(root: Path, folder: Path) -> None:
    secret = folder / "secret"
    secret.mkdir(mode=0o700)
    (secret / "a.json").touch()
    (secret / "a.json").chmod(0o644)
    (root / "team" / "a.json").unlink()
    (root / "team" / "a.json").symlink_to(secret / "a.json")
    assert access(root) == OWNER_ONLY


def test_what_can_not_be_looked_at_is_for_its_owner_alone(root: Path) -> None:
    (root / "team" / "a.json").unlink()
    assert access(root) == OWNER_ONLY


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file to another group")
def test_a_group_that_could_not_read_all_of_it_reads_nothing(root: Path) -> None:
    os.chown(root / "team" / "defaults.yaml", -1, 12345)
    (root / "team" / "defaults.yaml").chmod(0o640)
    assert access(root) == OWNER_ONLY
    os.chown(root / "team" / "a.json", -1, 12345)
    assert access(root) == Access(0o640, 12345)
