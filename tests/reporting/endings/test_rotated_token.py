"""A token of the server that is rotated in the one Connection that all pipelines have it from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.openmetadata.access import new_token
from sandbox.server import OpenMetadataServer

pytestmark = pytest.mark.e2e


def rotate(server: OpenMetadataServer, made: Any) -> None:
    """Let the server have another token, and know the pipeline still."""
    server.stop()
    server.token = new_token()
    server.start()
    made.register()


def test_the_next_run_has_the_new_token(
    pipeline: Any, server: OpenMetadataServer, set_token: Callable[[str], None]
) -> None:
    made = pipeline("rotated")
    first = made.start()
    made.airflow_knows(first, "success")
    rotate(server, made)
    second = made.start()
    made.airflow_knows(second, "failed")
    set_token(server.token)
    made.server_has(second, "failed")
    third = made.start()
    made.airflow_knows(third, "success")
    made.server_has(third, "success")
