import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox import source


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("source") / "source.db"
    source.create(made)
    return made


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def tables(path: Path) -> list[str]:
    return [name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def test_two_databases_are_the_same_to_the_byte(path: Path, tmp_path: Path) -> None:
    source.create(tmp_path / "again.db")
    assert (tmp_path / "again.db").read_bytes() == path.read_bytes()


def test_every_table_has_a_primary_key_and_rows(path: Path) -> None:
    assert len(tables(path)) >= 12
    for table in tables(path):
        assert rows(path, f"SELECT count(*) FROM pragma_table_info('{table}') WHERE pk > 0") > [(0,)], table
        assert rows(path, f"SELECT count(*) FROM {table}") > [(0,)], table
    assert sum(rows(path, f"SELECT count(*) FROM {table}")[0][0] for table in tables(path)) > 3000


def test_every_foreign_key_leads_to_a_row(path: Path) -> None:
    keys = [key for table in tables(path) for key in rows(path, f"PRAGMA foreign_key_list({table})")]
    assert len(keys) >= 12
    assert rows(path, "PRAGMA foreign_key_check") == []


def test_the_view_gives_each_order_its_total(path: Path) -> None:
    wrong = "SELECT count(*) FROM order_totals JOIN payments USING (order_id) WHERE abs(total - amount) > 0.01"
    assert rows(path, wrong) == [(0,)]
    assert rows(path, "SELECT count(*) FROM order_totals") == rows(path, "SELECT count(*) FROM orders")


def test_personal_data_points_at_nobody(path: Path) -> None:
    customers = rows(path, "SELECT email, phone FROM customers")
    assert customers
    for email, phone in customers:
        assert email.endswith("@example.com")
        assert "-555-01" in phone


def test_an_old_database_is_replaced_whole_and_nothing_else_is_left(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "source.db"
    old.write_text("old")
    subprocess.run([sys.executable, "-m", "sandbox.source", str(old)], check=True, timeout=60)
    assert old.read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [old]


def test_a_failure_leaves_what_was_there_and_no_rubbish(tmp_path: Path) -> None:
    in_the_way = tmp_path / "source.db"
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        source.create(in_the_way)
    assert list(tmp_path.iterdir()) == [in_the_way]
