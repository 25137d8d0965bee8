"""What Airflow has written to its PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import NullPool, create_engine, text

PARSED = "SELECT max(last_parsed_time) FROM dag"
PARSED_SINCE = "SELECT count(*) FROM dag WHERE last_parsed_time > :moment"
DESCRIBED = "SELECT count(*) FROM dag WHERE description LIKE :pattern"
SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples <> 0
"""


class Database:
    """The database of an Airflow, read while it runs."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def last_parsed(self) -> datetime:
        """Return when the DAG was parsed that was parsed last, a time long ago where there is none."""
        [(moment,)] = self._rows(PARSED)
        return moment or datetime.fromtimestamp(0, timezone.utc)

    def written_since(self, moment: datetime) -> int:
        """Return how many DAGs have been parsed and written since then."""
        [(count,)] = self._rows(PARSED_SINCE, moment=moment)
        return int(count)

    def described(self, pattern: str) -> int:
        """Return how many DAGs have a description like a pattern of SQL."""
        [(count,)] = self._rows(DESCRIBED, pattern=pattern)
        return int(count)

    def bytes_of_tables(self) -> dict[str, int]:
        """Return the bytes of each table that has rows, with its indexes, the largest first."""
        self._rows("ANALYZE", result=False)
        sizes = {str(name): int(size) for name, size in self._rows(SIZES)}
        return dict(sorted(sizes.items(), key=lambda each: -each[1]))

    def _rows(self, statement: str, *, result: bool = True, **values: object) -> list[Any]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            answer = connection.execute(text(statement), values)
            return list(answer) if result else []
