from __future__ import annotations

from pathlib import Path

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.intake import Intake, take_in


def test_each_is_stored_where_its_file_is_as_it_was_and_the_marker_covers_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "there.json").write_text("old")
    (tmp_path / "changed.json").write_text("by somebody else")
    intakes = [
        Intake("new.json", b"1"),
        Intake("there.json", b"2", replaces=b"old"),
        Intake("changed.json", b"3", replaces=b"old"),
        Intake("gone.json", b"4", replaces=b"old"),
    ]
    before = store.marker()
    problems = {intake.key: problem and problem.config for intake, problem in take_in(store, intakes)}
    assert problems == {"new.json": None, "there.json": None, "changed.json": "changed.json", "gone.json": "gone.json"}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("[a-z]*.json")} == {
        "new.json": b"1",
        "there.json": b"2",
        "changed.json": b"by somebody else",
    }
    assert store.marker() not in (None, before)


def test_what_was_yielded_survives_what_breaks_off_later(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    found = take_in(store, (Intake(f"{number}.json", b"1") for number in range(200)))
    next(found)
    marker = store.marker()
    assert marker is not None
    assert len(list(tmp_path.glob("[0-9]*.json"))) < 200
    del found
    assert list(FolderStore(tmp_path).list_keys())
