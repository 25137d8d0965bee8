"""What a child says: its messages and its lines."""

from __future__ import annotations

import json
import logging

import pytest

from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.pipes import Piece, Source
from dag_factory.task.runner.transcript import Transcript


def heard(*lines: bytes) -> tuple[Transcript, int]:
    """Return what is known after some messages of a child, and how many answers have come."""
    answers: list[int] = []
    transcript = Transcript(Mask(in_airflow=False), lambda: answers.append(1))
    for line in lines:
        transcript.add(Piece(Source.MESSAGES, line + b"\n"))
    return transcript, len(answers)


@pytest.mark.parametrize(
    "line",
    [
        b'{"secret": "canary',
        b"5",
        b"null",
        b"\xff",
        b'{"log": null}',
        b'{"log": {"name": "a", "level": 20}}',
        b'{"log": {"name": "a", "level": "canary", "text": "a"}}',
    ],
)
def test_what_is_not_a_message_is_counted_and_not_quoted_and_the_next_one_is_taken(
    line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    transcript, answers = heard(line, json.dumps({"result": {"a": 1}}).encode())
    assert caplog.messages == [f"The child process has sent {len(line)} bytes that are not a message"]
    assert (transcript.answer, answers) == ({"result": {"a": 1}}, 1)


def test_a_secret_is_hidden_in_whatever_comes_after_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    record = {"name": "a.b", "level": logging.INFO, "text": "the canary-1 sings"}
    _, answers = heard(b'{"secret": "canary-1"}', json.dumps({"log": record}).encode())
    assert caplog.messages == ["the *** sings"]
    assert answers == 0
