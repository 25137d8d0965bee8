"""All that an Airflow's database holds, as one who looks for a secret in it would read it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, create_engine

from sandbox.stack import AirflowStack


def dumped(airflow: AirflowStack) -> str:
    """Return every row of every table as text, a line for each; bytes are decoded as far as they can be."""
    engine = create_engine(airflow.option("database", "sql_alchemy_conn"))
    tables = MetaData()
    try:
        tables.reflect(engine)
        with engine.connect() as connection:
            rows = [(name, row) for name, table in tables.tables.items() for row in connection.execute(table.select())]
    finally:
        engine.dispose()
    return "\n".join(f"{name}: {' | '.join(map(readable, row))}" for name, row in rows)


def readable(value: Any) -> str:
    """Return the text of a column's value."""
    return bytes(value).decode(errors="replace") if isinstance(value, (bytes, memoryview)) else str(value)
