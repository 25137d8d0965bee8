from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.markers import all_have_seen, is_seen, later_than
from dag_factory.store.shards import shards


def test_a_new_marker_is_later_than_one_of_a_machine_whose_clock_is_ahead() -> None:
    ahead = str(UUID(int=UUID("f" * 32).int - 10))
    assert later_than(None, "torn", ahead) > ahead


@pytest.mark.parametrize(
    ("noted", "marker", "seen"),
    [("b", "a", True), ("a", "a", True), ("a", "b", False), (None, "a", False), ("a", None, False), (None, None, True)],
)
def test_a_load_covers_the_marker_that_it_has_noted_and_earlier_ones(
    noted: str | None, marker: str | None, seen: bool
) -> None:
    assert is_seen(noted, marker) is seen


def test_a_change_is_seen_by_all_shards_once_the_last_of_them_has_noted_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    marker = store.bump()
    store.note_loaded(marker, shards(2)[0])
    assert not all_have_seen(store, shards(2), marker)
    store.note_loaded(marker, shards(2)[1])
    assert all_have_seen(store, shards(2), marker)
