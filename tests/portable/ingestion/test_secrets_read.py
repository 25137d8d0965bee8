"""The secrets that openmetadata-ingestion reads; its class is a stand-in here."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from dag_factory.portable.ingestion.secrets_read import report_secrets_read


class Secret:
    """Stands for openmetadata-ingestion's class of a secret field."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


@pytest.fixture(autouse=True)
def ingestion(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("metadata.ingestion.models.custom_pydantic")
    module._CustomSecretStr = Secret  # type: ignore[attr-defined]
    for name in ("metadata", "metadata.ingestion", "metadata.ingestion.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_each_secret_is_reported_once_as_long_as_the_context_lasts() -> None:
    reported: list[str] = []
    with report_secrets_read(reported.append):
        assert [Secret(value).get_secret_value() for value in ("one", "two", "one", "")] == ["one", "two", "one", ""]
    Secret("three").get_secret_value()
    assert reported == ["one", "two"]


def test_a_secret_may_be_read_while_its_thread_reports_another_as_in_the_handler_of_a_signal() -> None:
    reported: list[str] = []

    def report(secret: str) -> None:
        if secret == "outer":
            Secret("inner").get_secret_value()
        reported.append(secret)

    with report_secrets_read(report):
        thread = threading.Thread(target=Secret("outer").get_secret_value, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "it waits for itself"
    assert reported == ["inner", "outer"]
