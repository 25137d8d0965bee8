from __future__ import annotations

from typing import Any

import pytest

from dag_factory.store.pause_change import pause_change

DOCUMENT = {"name": "orders", "pipelineType": "metadata", "service": {"type": "databaseService", "name": "shop"}}

Said = tuple[bool | None, bool | None]


def document(enabled: bool | None, pause: bool | None) -> dict[str, Any]:
    return {**DOCUMENT, "enabled": enabled, "airflowConfig": {"pausePipeline": pause}}


ON, OFF, PAUSED, BOTH, NOTHING = (True, False), (False, False), (True, True), (False, True), (None, None)


@pytest.mark.parametrize(
    ("before", "now", "paused"),
    [
        *((each, each, None) for each in (ON, OFF, PAUSED, BOTH)),
        (NOTHING, ON, None),
        (ON, NOTHING, None),
        (ON, OFF, True),
        (ON, PAUSED, True),
        (OFF, ON, False),
        (PAUSED, ON, False),
        (OFF, PAUSED, True),
        (BOTH, PAUSED, True),
        (OFF, NOTHING, False),
    ],
)
def test_a_dag_is_switched_where_enabled_or_pause_pipeline_has_changed_and_only_there(
    before: Said, now: Said, paused: bool | None
) -> None:
    assert pause_change(document(*before), document(*now)) is paused


def test_a_document_that_says_nothing_of_it_is_on() -> None:
    assert pause_change(DOCUMENT, document(*OFF)) is True
    assert pause_change(document(*OFF), {**DOCUMENT, "description": "Another one."}) is False


@pytest.mark.parametrize("broken", [{}, {**DOCUMENT, "enabled": "maybe"}, {"name": ["x"]}])
def test_a_document_that_nobody_can_read_switches_nothing(broken: dict[str, Any]) -> None:
    assert pause_change(broken, document(*OFF)) is None
