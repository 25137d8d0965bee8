from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.dag.touches import MOST_TOUCHES, Touches
from dag_factory.errors import StoreError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.parts import Part
from dag_factory.store.shards import Shard, shard_of, shards

LATER = (35.0, 55.0)


class Scene:
    """A store that changes, and Airflow's DAG processor, which parses or not."""

    def __init__(self, folder: Path, part: Part) -> None:
        self.store = FolderStore(folder / "configs")
        self.store.root.mkdir()
        self.files = LoaderFolder(folder / "dags")
        self.files.make(part.all())
        self.now = 0.0
        self.changed: set[str] | None = set()
        self.asked = 0
        self.again_at: float | None = None
        self.touches = Touches(self.files, part, self._changed, LATER, clock=lambda: self.now)
        self.touched()

    def _changed(self, marker: str | None) -> set[str] | None:
        assert marker == self.store.marker()
        self.asked += 1
        return self.changed

    def change(self, *dag_ids: str) -> None:
        self.changed = set(dag_ids)
        for dag_id in dag_ids:
            self.store.write(f"{dag_id}.json", json.dumps({"name": dag_id}).encode())
        self.store.bump()

    def touched(self, seconds: float = 1) -> list[Shard]:
        """Return the shards whose files are touched at the next refresh."""
        self.now += seconds
        for path in self.files.path.iterdir():
            os.utime(path, (1, 1))
        self.touches.take_up(self.store)
        return [shard for shard in self.files.found() if (self.files.path / shard.file_name).stat().st_mtime > 1]

    def parse(self, *some: Shard) -> None:
        for shard in some:
            self.store.note_loaded(self.store.marker() or "", shard, self.again_at)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, Part(0, 1, 4))


def test_a_change_touches_the_file_of_its_shard_until_a_parse_has_seen_it(scene: Scene) -> None:
    scene.change("orders")
    own = shard_of("orders", 4)
    assert scene.touched() == [own]
    # Airflow was just parsing the file: it overlooks the touch.
    assert scene.touched() == [own]
    scene.parse(own)
    assert scene.touched() == []


def test_while_nothing_changes_only_the_marker_is_asked_for(scene: Scene) -> None:
    asked = scene.asked
    assert [scene.touched() for _ in range(5)] == [[]] * 5
    assert scene.asked == asked


def test_where_it_is_unknown_what_has_changed_all_files_are_touched(scene: Scene) -> None:
    scene.change("orders")
    scene.changed = None
    assert scene.touched() == shards(4)


def test_a_part_touches_its_own_shards_alone(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Part(1, 2, 4))
    scene.change("orders")
    scene.changed = None
    assert scene.touched() == [Shard(1, 4), Shard(3, 4)]


def test_what_airflow_takes_only_from_a_later_parse_is_touched_again_then(scene: Scene) -> None:
    scene.again_at = 60
    scene.change("orders")
    own = shard_of("orders", 4)
    scene.touched()
    scene.parse(own)
    assert [scene.touched(20) for _ in range(4)] == [[], [own], [own], []]
    assert scene.touched(1000) == []


def test_where_the_last_parse_was_enough_nothing_is_touched_later(scene: Scene) -> None:
    scene.change("orders")
    own = shard_of("orders", 4)
    scene.touched()
    scene.parse(own)
    assert [scene.touched(20) for _ in range(4)] == [[]] * 4


def test_a_refresh_before_its_time_leaves_the_look_to_the_next_one(scene: Scene) -> None:
    own = shard_of("orders", 4)
    scene.touches = Touches(scene.files, Part(0, 1, 4), scene._changed, look_seconds=300, clock=lambda: scene.now)
    scene.touched()
    assert scene.touched(300) == []
    asked = scene.asked
    # Airflow refreshes the bundle before each parse that it is asked for.
    for _ in range(3):
        scene.change("orders")
        assert scene.touched(99) == []
    assert scene.asked == asked
    assert scene.touched(3) == [own]


def test_where_no_parse_is_ever_noted_touches_end(scene: Scene) -> None:
    scene.change("orders")
    touched = [scene.touched(0.1) for _ in range(MOST_TOUCHES + 3)]
    assert touched == [[shard_of("orders", 4)]] * MOST_TOUCHES + [[]] * 3


def test_a_change_that_can_t_be_listed_yet_is_taken_up_the_next_time(scene: Scene) -> None:
    class Away(Exception):
        pass

    def fail(_: str | None) -> set[str]:
        raise StoreError("away")

    scene.change("orders")
    scene.touches = Touches(scene.files, Part(0, 1, 4), scene._changed, LATER, clock=lambda: scene.now)
    scene.touched()
    scene.change("customers")
    works, scene.touches._changed = scene.touches._changed, fail
    with pytest.raises(StoreError):
        scene.touched()
    scene.touches._changed = works
    assert scene.touched() == [shard_of("customers", 4)]
