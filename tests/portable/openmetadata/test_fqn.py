"""Fully qualified names."""

from __future__ import annotations

import os

from dag_factory.portable.openmetadata.fqn import quoted
from tests.forked_python import ForkedPython

NAMES = ["plain", "with a dot.in", '"quoted"', '"quoted.with dot"', "ünicode.x", "trailing."]


def test_a_name_is_quoted_as_openmetadata_does(forked_ingestion: ForkedPython) -> None:
    script = f"from metadata.utils.fqn import quote_name; print(repr([quote_name(name) for name in {NAMES!r}]))"
    done = forked_ingestion.run(script, env=os.environ)
    assert done.stdout.splitlines()[-1] == repr([quoted(name) for name in NAMES])
