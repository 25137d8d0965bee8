"""The comparison of the configured store with the configured server."""

from __future__ import annotations

import threading

from dag_factory import settings
from dag_factory.api_server.sync.difference import Chosen, Comparison, Difference
from dag_factory.api_server.sync.server_api import ServerApi, configured_connection
from dag_factory.api_server.sync.server_pipelines import Listing
from dag_factory.portable.openmetadata.server_address import server_address
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_index, configured_store
from dag_factory.store.database import NoDatabase
from dag_factory.store.index import Index


def difference(
    chosen: Chosen | None = None, *, stopped: threading.Event | None = None, seconds: float = 60.0
) -> Difference:
    """
    Return how the configured store differs from the server of ``openmetadata_conn_id``.

    :param chosen: which pipelines are compared, None for all
    :param stopped: once it is set, the comparison ends with a `StoppedError` at the next call
    :param seconds: for which a call to the server waits, and then for which it is retried
    :raises SettingsError: where no Connection is set
    :raises ConfigError: where the Connection is missing
    :raises ServerError: where the server refuses or does not answer
    :raises StoreError: where the store can't be read
    """
    connection = configured_connection()
    with ServerApi(connection, seconds=seconds, retry_seconds=seconds, stopped=stopped) as api:
        store = configured_store()
        index = configured_index(settings.config_store()) or Index(NoDatabase())
        found = Comparison(store, index, Keys(), chosen or Chosen()).with_server(
            Listing(api), server_address(str(connection.get("hostPort")))
        )
        # Configs that are not there because the store is not mounted are not missing.
        store.check()
    return found
