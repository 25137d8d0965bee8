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
        ({"key": "a.yaml", "version": 0.3}, None, {"key": "a.yaml", "version": "0.3"}),
        ({"key": "a.yaml", "digest": "0a"}, SUMMARY, {**COUNTED, "key": "a.yaml", "digest": "0a"}),
        (None, SUMMARY, COUNTED),
        (None, None, {}),
    ],
    ids=["all", "a key", "a version", "a digest", "counts", "nothing"],
)  # fmt: skip
def test_a_note_is_read_back(version: object, summary: object, read: dict[str, Any]) -> None:
    assert read_note(run_note(version, summary)) == read
    reason = "WorkflowError: the source 'a. b' does not answer. The task failed: Config x, version 1"
    assert read_note(run_note(version, summary, reason)) == {**read, "reason": reason}


def test_a_reason_is_one_line_at_the_end_of_the_note() -> None:
    note = run_note({"key": "a.yaml", "digest": "01"}, SUMMARY, "it\nbroke\x1b")
    assert note == "14 records, 0 warnings, 2 errors. Config a.yaml, digest 01. The task failed: it broke"
    assert "reason" not in read_note(run_note({"key": "a.yaml"}, SUMMARY, "  "))


def test_one_is_not_several() -> None:
    note = run_note(None, {"Source": {"records": 1, "warnings": 1, "errors": 1}})
    assert note == "1 record, 1 warning, 1 error"
    assert read_note(note) == {"records": 1, "warnings": 1, "errors": 1}


@pytest.mark.parametrize(
    "note",
    [
        None,
        "",
        "Looked at by Ann.",
        "14 records",
        "14 records, 0 warnings",
        "Config",
        "Config was changed by Ann",
        "Config was changed, version 2 is Ann's",
        "Config was changed by Ann. The task failed: too large",
    ],
)
def test_what_a_user_has_written_says_nothing(note: str | None) -> None:
    assert read_note(note) == {}
