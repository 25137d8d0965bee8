from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.markers import all_have_seen, is_seen, later_than
from dag_factory.store.shards import shards


def test_a_new_marker_is_later_than_one_of_a_machine_whose_clock_is_ahead() -> None:
    ahead = str(UUID(int=UUID(int=1 << 127).int - 10))
    assert later_than(None, "torn", ahead) > ahead


FIRST, SECOND = (str(UUID(int=number)) for number in (1, 2))


@pytest.mark.parametrize(
    ("noted", "marker", "seen"),
    [
        (SECOND, FIRST, True),
        (FIRST, FIRST, True),
        (FIRST, SECOND, False),
        (None, FIRST, False),
        (FIRST, None, False),
        (None, None, True),
        # Another version may write markers of another kind, of which nobody here knows the order.
        ("2 later", FIRST, False),
        (SECOND, "0 later", False),
        ("2 later", "2 later", True),
    ],
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


@pytest.mark.parametrize("planted", ["f" * 32, str(UUID("f" * 32)), str(UUID(int=1 << 127))])
def test_a_marker_that_somebody_has_planted_neither_stops_deploys_nor_hides_changes(
    tmp_path: Path, planted: str
) -> None:
    store = FolderStore(tmp_path)
    first, second = shards(2)
    store.note_loaded(planted, first)
    (tmp_path / ".version").write_text(planted)
    marker = store.bump()
    assert marker < planted
    store.note_loaded(marker, second)
    assert not all_have_seen(store, shards(2), marker)
    assert store.bump() > marker
