from __future__ import annotations

from typing import Any

import pytest

from dag_factory.reporting.run_note import version_note


@pytest.mark.parametrize(
    ("version", "note"),
    [
        ({"key": "a.yaml", "digest": "0123"}, "Config a.yaml, digest 0123"),
        ({"key": "a.json", "digest": "0123", "version": 0.3}, "Config a.json, version 0.3, digest 0123"),
    ],
)
def test_a_note_names_the_config_and_its_version(version: dict[str, Any], note: str) -> None:
    assert version_note(version) == note
