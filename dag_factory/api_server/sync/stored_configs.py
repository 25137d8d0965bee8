"""The configs of the store, as far as they are compared with the server's pipelines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dag_factory.api_server.sync.comparison import content
from dag_factory.api_server.sync.server_pipelines import is_uuid, text_of
from dag_factory.configs.allowed import SERVER
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.configs.document import Document, parse
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.server_address import ServerAddress, server_address
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.file_names import deployed_key
from dag_factory.store.index import Index


@dataclass(frozen=True)
class StoredConfig:
    """
    A config as its file has it, without the defaults of its folder: a deploy replaces the file alone.

    :param id: of the server, empty in a file that a person wrote
    :param service: the service's type and name
    :param server: the server that it reports to, where the config itself says that openly
    :param is_readable: whether the file could be read
    """

    dag_id: str
    key: str
    id: str = ""
    name: str = ""
    fqn: str = ""
    pipeline_type: str = ""
    service: tuple[str, str] = ("", "")
    version: float | None = None
    updated_at: int | None = None
    server: ServerAddress | None = None
    is_readable: bool = True
    _content: bytes = field(default=b"{}", repr=False)

    @property
    def is_own_file(self) -> bool:
        """Whether the file has the name under which a deploy writes it."""
        return self.key == deployed_key(self.dag_id)

    def content(self) -> Any:
        """Return what a deploy would change, its secrets encrypted. Kept as bytes: of 10,000 configs, that is 15 MB."""
        return json.loads(self._content)


def stored_configs(store: ConfigStore, index: Index) -> dict[str, StoredConfig]:
    """
    Return the config that each DAG id belongs to.

    :param index: what this machine knows of the store, so that few configs are opened twice
    :raises StoreError: where the store can't be read
    """
    keys = {dag_id: found.key for dag_id, found in Catalog(store, index=index).owners().items()}
    in_order = sorted(keys, key=keys.__getitem__)
    store.prefetch(keys[dag_id] for dag_id in in_order)
    configs: dict[str, StoredConfig] = {}
    for dag_id in in_order:
        config = stored_config(store, dag_id, keys[dag_id])
        if config is not None:
            configs[dag_id] = config
    return configs


def stored_config(store: ConfigStore, dag_id: str, key: str) -> StoredConfig | None:
    """
    Return one config, None where its file is missing.

    :raises StoreError: where the store can't be read
    """
    try:
        return _config(dag_id, key, parse(store.read(key), key))
    except KeyError:
        return None
    except ConfigError:
        return StoredConfig(dag_id, key, is_readable=False)


def is_written_by_deploy(data: bytes, dag_id: str) -> bool:
    """
    Return whether a file called ``<dag_id>.json`` is one that a deploy has written, and nobody has changed since.

    A deploy's document has the id and the time that the server gave it, and the writer's form, byte by byte.
    """
    try:
        document = parse(data, deployed_key(dag_id))
    except ConfigError:
        return False
    name, updated_at = document.get("name"), document.get("updatedAt")
    is_of_server = is_uuid(document.get("id")) and isinstance(updated_at, int)
    is_named = isinstance(name, str) and clean_dag_id(name) == dag_id
    return is_of_server and is_named and json.dumps(document, indent=2, ensure_ascii=False).encode() == data


def _config(dag_id: str, key: str, document: Document) -> StoredConfig:
    service, connection = document.get("service"), document.get(SERVER)
    service = service if isinstance(service, dict) else {}
    host = connection.get("hostPort") if isinstance(connection, dict) else None
    version, updated_at = document.get("version"), document.get("updatedAt")
    return StoredConfig(
        dag_id=dag_id,
        key=key,
        id=str(document["id"]) if is_uuid(document.get("id")) else "",
        name=text_of(document.get("name")),
        fqn=text_of(document.get("fullyQualifiedName")),
        pipeline_type=text_of(document.get("pipelineType")),
        service=(text_of(service.get("type")), text_of(service.get("name"))),
        version=version if isinstance(version, (int, float)) else None,
        updated_at=updated_at if isinstance(updated_at, int) else None,
        server=server_address(host) if isinstance(host, str) else None,
        _content=json.dumps(content(document)).encode(),
    )
