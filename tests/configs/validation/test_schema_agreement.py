"""What is said by the digest holds against the models: an error at the door is one that a run would meet."""

from __future__ import annotations

from typing import Any

import pytest

from dag_factory.configs.ingestion_versions import IngestionVersions
from dag_factory.configs.problem import SPELLING, Problem
from dag_factory.configs.validation.source_config import doubts, misfits
from tests.forked_python import ForkedPython
from tests.ingestion_verdicts import Verdict, verdicts
from tests.mutated_documents import documents

VERSIONS = IngestionVersions()
# A form of texts, such as that of a URL, is in no digest; nor is how long a text or a list has to be.
UNKNOWN_TO_THE_DIGEST = ("is of the wrong kind", "is too short")
# Nor are the connections of services, which no pipeline of a server holds, what applications have that is private, and
# that a constant may not be null.
LEFT_OUT = (".serviceConnection", ".appPrivateConfig", ".gcpConfig.type'")


@pytest.fixture(scope="module")
def judged(forked_ingestion: ForkedPython) -> list[tuple[dict[str, Any], list[Problem], list[Problem], Verdict]]:
    found = list(documents())
    said = verdicts(forked_ingestion, found)
    return [
        (each, list(misfits(each, VERSIONS)), list(doubts(each, VERSIONS)), verdict)
        for each, verdict in zip(found, said, strict=True)
    ]


def test_an_error_is_what_the_models_refuse_too(judged: list[Any]) -> None:
    assert [(each, str(errors[0])) for each, errors, _, verdict in judged if errors and not verdict["refused"]] == []


def test_what_fails_a_run_is_an_error_or_a_warning_at_the_door_but_for_forms_of_texts(
    judged: list[Any],
) -> None:
    missed = [
        (each["sourceConfig"], verdict["problem"])
        for each, errors, warnings, verdict in judged
        if (problem := verdict["problem"])
        and not (errors or warnings or any(words in problem for words in (*UNKNOWN_TO_THE_DIGEST, *LEFT_OUT)))
    ]
    assert missed == []


def test_a_run_takes_whatever_the_models_take(judged: list[Any]) -> None:
    assert [each for each, _, _, verdict in judged if not verdict["refused"] and verdict["fitted"] is None] == []


def test_what_is_doubtful_at_the_door_fails_the_run_or_is_left_out_but_for_what_is_misspelt(judged: list[Any]) -> None:
    needless = [
        (each["sourceConfig"], str(warnings[0]))
        for each, _, warnings, verdict in judged
        if not verdict["refused"] and any(warning.kind != SPELLING for warning in warnings)
    ]
    assert needless == []
