"""Fully qualified names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dag_factory.openmetadata.fqn import quoted

NAMES = ["plain", "with a dot.in", '"quoted"', '"quoted.with dot"', "ünicode.x", "trailing."]


@pytest.mark.ingestion
def test_a_name_is_quoted_as_openmetadata_does() -> None:
    # In a process of its own: the imports are heavy.
    script = f"from metadata.utils.fqn import quote_name; print(repr([quote_name(name) for name in {NAMES!r}]))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == repr([quoted(name) for name in NAMES])
