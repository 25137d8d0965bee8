"""Reports the secrets that openmetadata-ingestion reads from its secrets manager, the server or an entity."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dag_factory.portable.secrets.detection import MANAGED_MARK


@contextmanager
def report_secrets_read(on_secret: Callable[[str], None]) -> Iterator[None]:
    """
    Report each secret that is read within the context, once, before it is used.

    openmetadata-ingestion reads all secret fields by one method of one class, which is replaced as long as the context
    lasts.
    """
    from metadata.ingestion.models.custom_pydantic import _CustomSecretStr

    read = _CustomSecretStr.get_secret_value
    known: set[str] = set()
    # The handler of a signal may read a secret while its thread reports another.
    lock = threading.RLock()

    def get_secret_value(self: Any, *args: Any, **kwargs: Any) -> str:
        value: str = read(self, *args, **kwargs)
        # Each dump of an entity reads all its secrets, so known ones must cost nothing.
        if value and value not in known and not value.startswith(MANAGED_MARK):
            with lock:
                on_secret(value)
                known.add(value)
        return value

    _CustomSecretStr.get_secret_value = get_secret_value
    try:
        yield
    finally:
        _CustomSecretStr.get_secret_value = read
