"""Which secrets openmetadata-ingestion reads, wherever it has them from: its secrets manager, the server, an entity."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# What refers to OpenMetadata's secrets manager is no secret.
_REFERENCE = "secret:"


@contextmanager
def told_when_read(on_secret: Callable[[str], None]) -> Iterator[None]:
    """
    Report each secret that is read within the context, once, before its reader gets it.

    All that openmetadata-ingestion's schemas mark as a secret is read by one method of one class, which is replaced as
    long as the context lasts.
    """
    from metadata.ingestion.models.custom_pydantic import _CustomSecretStr

    read = _CustomSecretStr.get_secret_value
    known: set[str] = set()
    lock = threading.Lock()

    def get_secret_value(self: Any, *args: Any, **kwargs: Any) -> str:
        value: str = read(self, *args, **kwargs)
        # Each dump of an entity reads all its secrets: known ones must cost nothing.
        if value and value not in known and not value.startswith(_REFERENCE):
            with lock:
                on_secret(value)
                known.add(value)
        return value

    _CustomSecretStr.get_secret_value = get_secret_value
    try:
        yield
    finally:
        _CustomSecretStr.get_secret_value = read
