"""People edit a store while commands read it: between the listing and the reading, and between two readings."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from dag_factory.api_server.sync.stored_configs import stored_configs
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.archive import LEFT_OUT
from dag_factory.store.archive.writing import export
from dag_factory.store.config_files import ConfigFiles
from dag_factory.store.examination import GOOD, Examination
from dag_factory.store.findings import findings_of_files, findings_of_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index
from dag_factory.store.memory import Memory
from dag_factory.store.origins import values_of
from dag_factory.store.stamps import Stamp
from tests.documents import REST

EDITED = "sales/edited.yaml"


def config(name: str) -> str:
    service = {"type": "databaseService", "name": "s"}
    return json.dumps({"name": name, "pipelineType": "metadata", "service": service, **REST})


Change = Callable[[Path], None]


def removed(path: Path) -> None:
    path.unlink()


def half_written(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.yaml")


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def without_its_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def in_place_of_its_folder(path: Path) -> None:
    without_its_folder(path)
    path.parent.write_text("no folder any more")


def of_another_name(path: Path) -> None:
    path.write_text(config("another"))


def of_the_name_of_another_file(path: Path) -> None:
    path.write_text(config("steady"))


def with_broken_defaults(path: Path) -> None:
    path.with_name("defaults.yaml").write_text("enabled: [\n")


CHANGES: list[Change] = [
    removed, half_written, emptied, a_folder, a_link_to_nowhere, a_link_to_itself, without_its_folder,
    in_place_of_its_folder, of_another_name, of_the_name_of_another_file, with_broken_defaults,
]  # fmt: skip


class Edited(FolderStore):
    """A folder in which a file is changed once, right after it was listed, or after it was read so many times."""

    def __init__(self, root: Path, change: Change, reads: int) -> None:
        super().__init__(root)
        self._change: Change | None = change
        self._left = reads

    @property
    def is_edited(self) -> bool:
        return self._change is None

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        keys = super().list_keys(unlisted)
        self._edit()
        return keys

    def stamps(self, unlisted: dict[str, str] | None = None) -> Mapping[str, Stamp]:
        stamps = super().stamps(unlisted)
        self._edit()
        return stamps

    def read(self, key: str) -> bytes:
        data = super().read(key)
        if key == EDITED:
            self._left -= 1
            self._edit()
        return data

    def _edit(self) -> None:
        if self._left <= 0 and self._change is not None:
            change, self._change = self._change, None
            change(self.root / EDITED)


def validated(store: Edited, _: Path) -> bool:
    return not any(each.config == "steady.json" for each in findings_of_store(store).problems)


def validated_by_name(store: Edited, _: Path) -> bool:
    found = findings_of_files(store, [EDITED, "steady.json"])
    return not any(each.config == "steady.json" for each in found.problems)


def listed(store: Edited, _: Path) -> bool:
    return [each.state for each in Examination(store).all() if each.key == "steady.json"] == [GOOD]


def shown(store: Edited, _: Path) -> bool:
    examination = Examination(store)
    for dag_id in ("edited", "steady"):
        if (found := examination.find(dag_id)) is not None:
            examination.of_config(found)
            contents = ConfigFiles(store).contents(found.key)
            document = contents.document if contents is not None else None
            values_of(document or found.document, found.key if document else None, store)
    return found is not None and found.key == "steady.json"


def compared(store: Edited, state: Path) -> bool:
    return stored_configs(store, Index(Memory(state, str(store.root)).database))["steady"].is_readable


def exported(store: Edited, state: Path) -> bool:
    def each(keys: Iterable[str], what: str, total: int | None) -> Iterator[str]:
        del what, total
        yield from keys

    state.mkdir()
    export(store, state / "store.tar", secrets=LEFT_OUT, keys=Keys(), shown=each)
    with tarfile.open(state / "store.tar") as archive:
        return any(name.endswith("steady.json") for name in archive.getnames())


@pytest.mark.parametrize("reads", [0, 1], ids=["listed", "read"])
@pytest.mark.parametrize("command", [validated, validated_by_name, listed, shown, compared, exported])
def test_a_file_that_changes_while_a_command_reads_it_affects_no_other(
    command: Callable[[Edited, Path], bool], reads: int, tmp_path: Path
) -> None:
    affected = []
    for change in CHANGES:
        folder = tmp_path / change.__name__ / "configs"
        (folder / "sales").mkdir(parents=True)
        (folder / "steady.json").write_text(config("steady"))
        (folder / EDITED).write_text(config("edited"))
        store = Edited(folder, change, reads)
        if not command(store, folder.parent / "state"):
            affected.append(change.__name__)
        assert store.is_edited
    assert affected == []
