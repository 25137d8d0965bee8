"""Commands that can't do what they were asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dag_factory.cli.exits import FAILED


@contextmanager
def fails(capsys: pytest.CaptureFixture[str], match: str) -> Iterator[None]:
    """Expect that a command ends with a line for people that matches, and with the exit code for that."""
    with pytest.raises(SystemExit) as ended:
        yield
    assert ended.value.code == FAILED
    said = capsys.readouterr().err
    assert re.search(match, said)
    assert "canary" not in said
