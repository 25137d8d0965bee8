from __future__ import annotations

from typing import Any

import pytest

from dag_factory.reporting.run_note import read_note, run_note, version_note

SUMMARY = {"Source": {"records": 14, "warnings": 0, "errors": 2}}


@pytest.mark.parametrize(
    ("version", "note"),
    [
        ({"key": "a.yaml", "digest": "0123"}, "Config a.yaml, digest 0123"),
        ({"key": "a.json", "digest": "0123", "version": 0.3}, "Config a.json, version 0.3, digest 0123"),
    ],
)
def test_a_note_names_the_config_and_its_version(version: dict[str, Any], note: str) -> None:
    assert version_note(version) == note


@pytest.mark.parametrize(
    ("version", "summary", "note"),
    [
        ({"key": "a.yaml", "digest": "01"}, SUMMARY, "14 records, 0 warnings, 2 errors. Config a.yaml, digest 01"),
        ({"key": "a.yaml", "digest": "01"}, None, "Config a.yaml, digest 01"),
        (None, SUMMARY, "14 records, 0 warnings, 2 errors"),
        (None, "odd", ""),
    ],
    ids=["both", "config", "counts", "nothing"],
)
def test_a_note_begins_with_what_the_run_has_counted(version: object, summary: object, note: str) -> None:
    assert run_note(version, summary) == note


COUNTED = {"records": 14, "warnings": 0, "errors": 2}


@pytest.mark.parametrize(
    ("version", "summary", "read"),
    [
        ({"key": "a, b.yaml", "version": 0.3, "digest": "0a"}, SUMMARY,
         {**COUNTED, "key": "a, b.yaml", "version": "0.3", "digest": "0a"}),
        ({"key": "a.yaml"}, None, {"key": "a.yaml"}),
        (None, SUMMARY, COUNTED),
    ],
    ids=["all", "a key", "counts"],
)  # fmt: skip
def test_a_note_is_read_back(version: object, summary: object, read: dict[str, Any]) -> None:
    assert read_note(run_note(version, summary)) == read


def test_one_is_not_several() -> None:
    note = run_note(None, {"Source": {"records": 1, "warnings": 1, "errors": 1}})
    assert note == "1 record, 1 warning, 1 error"
    assert read_note(note) == {"records": 1, "warnings": 1, "errors": 1}


@pytest.mark.parametrize("note", [None, "", "Looked at by Ann.", "14 records", "Config", "14 records, 0 warnings"])
def test_what_a_user_has_written_says_nothing(note: str | None) -> None:
    assert read_note(note) == {}
