"""A run made ready: its config found, its references resolved, its conf merged over it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from dag_factory import settings
from dag_factory.configs.allowed import Allowed, allowed_here
from dag_factory.configs.at_rest import open_texts, sealed_values
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.problem import InvalidError
from dag_factory.configs.server_connection import FIELD, resolved
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.masking import Mask
from dag_factory.portable.secrets.redaction import secret_values
from dag_factory.portable.secrets.references import resolve
from dag_factory.store import ConfigStore, configured_index, configured_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config, check
from dag_factory.store.config_version import config_version, version_text
from dag_factory.task.run_conf import overridden

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reachable:
    """
    A config whose OpenMetadata server is known, so that errors in the rest can be reported there.

    :param config: as the store has it
    :param document: the same with the connection of its server resolved; all other references stay as they are
    :param pipeline: the one that this document describes
    :param allowed: what this worker's settings allow configs
    """

    config: Config | BrokenConfig
    document: Document
    pipeline: IngestionPipeline
    allowed: Allowed

    @property
    def server(self) -> Document:
        """The part of the document that names the server."""
        return {FIELD: self.document.get(FIELD)}


@dataclass(frozen=True)
class Resolved:
    """
    A config that is ready to run.

    :param config: as the store has it
    :param document: the same with all references resolved, with the run's conf merged over it
    :param pipeline: the one that this document describes
    """

    config: Config
    document: Document
    pipeline: IngestionPipeline


def find_config(dag_id: str, problem: str | None, mask: Mask) -> Reachable:
    """
    Return the config of a DAG, with its server's connection resolved.

    :param problem: what is wrong with the config, where its last good version runs
    :param mask: gets each secret of the connection
    :raises ConfigError: where the config is missing, can't be read, or does not say which server to report to
    :raises StoreError: where the store is missing
    """
    config = _config(dag_id, problem)
    mask.spare(open_texts(config.document))
    # This worker's own settings count, whatever the DAG processor's or the API server's are.
    allowed = allowed_here()
    try:
        with _naming(config):
            document = resolved(config.document, dag_id, allowed, on_secret=mask.add_unless_open)
            return Reachable(config, document, IngestionPipeline.from_document(document), allowed)
    except ConfigError as error:
        raise (config.problem if isinstance(config, BrokenConfig) else error) from None


def resolve_config(found: Reachable, dag_id: str, conf: Mapping[str, object], mask: Mask) -> Resolved:
    """
    Return a config that is ready to run.

    :param conf: of the run, merged over the document
    :param mask: gets each secret of the document
    :raises ConfigError: where a reference can't be resolved or is not allowed, or the conf is invalid
    """
    config, allowed = found.config, found.allowed
    if isinstance(config, BrokenConfig):
        raise config.problem
    with _naming(config):
        allowed.check(config.document)
        rest = resolve(
            {name: value for name, value in found.document.items() if name != FIELD},
            dag_id,
            keys=allowed.keys,
            permit=allowed.check_reference,
            on_secret=mask.add_unless_open,
        )
    # References in a conf stay as they are: users who may trigger must not read what the worker can.
    document = overridden({**found.document, **rest}, conf)
    for secret in secret_values(document):
        mask.add(secret)
    for value in sealed_values(document):
        mask.add_unless_open(value)
    return Resolved(config, document, IngestionPipeline.from_document(document))


def _config(dag_id: str, problem: str | None) -> Config | BrokenConfig:
    """Return the config as the DAG was built from it, which for a broken one is its last good version."""
    store = configured_store()
    copy = store.last_good.find(dag_id) if problem is not None else None
    if copy is not None:
        config = Config(dag_id, copy.key, copy.document)
    else:
        index = configured_index(settings.config_store())
        found = Catalog(store, check, index=index).find(dag_id) or _missing(dag_id, store)
        if isinstance(found, BrokenConfig):
            if not isinstance(found.problem, InvalidError):
                raise found.problem  # the config, or its defaults, can't be read
            return found
        config, problem = found, str(found.trouble.problem) if found.trouble is not None else None
    if problem is not None:
        log.warning("%s. The last good version runs: %s", problem.rstrip("."), version_text(config_version(config)))
    return config


def _missing(dag_id: str, store: ConfigStore) -> NoReturn:
    # If the whole store is missing, a retry may find it.
    store.confirm_absence()
    raise ConfigError(
        f"no config of the store has the DAG id '{dag_id}' any more. Deploy the pipeline again, or delete the DAG"
    )


@contextmanager
def _naming(config: Config | BrokenConfig) -> Iterator[None]:
    """Add the config's file to errors, except to those of a run's conf."""
    try:
        yield
    except ConfigError as error:
        raise error.within(config.key) from None
