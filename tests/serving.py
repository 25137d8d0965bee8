"""An app served by uvicorn in a thread, as Airflow's API server is served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from sandbox.client import wait_until


@contextmanager
def serving(app: Any, port: int, http: Any = "auto") -> Iterator[None]:
    """Serve an ASGI app on a port of 127.0.0.1; ``http`` is uvicorn's option of that name."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, http=http, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: (server.started or None, "not started"), "uvicorn to start", timeout=30)
        yield
    finally:
        server.should_exit = True
        thread.join()
