"""A machine with a program that does as uv does, without an index of packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.ingestion_environment.fake_uv import fake_uv


@contextmanager
def world(folder: Path) -> Iterator[Mapping[str, str]]:
    """Put it on the PATH."""
    fake_uv(folder / "bin")
    yield {}
