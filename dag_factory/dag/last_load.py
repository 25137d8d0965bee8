"""What the last complete load of the store found: enough to build the same DAGs while the store is missing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from dag_factory import __version__
from dag_factory.configs import at_rest
from dag_factory.configs.allowed import SERVER, Allowed
from dag_factory.configs.document import Document
from dag_factory.configs.problem import InvalidError, Problem
from dag_factory.configs.shown_config import shown
from dag_factory.errors import ConfigError
from dag_factory.secrets.redaction import HIDDEN
from dag_factory.store.claims import defaults_keys
from dag_factory.store.config import BrokenConfig, Config, Trouble
from dag_factory.store.memory import KEEP_SECONDS, Known, Memory

log = logging.getLogger(__name__)


class _Checked(Allowed):
    """Allows everything: the configs were checked when they were loaded, and can't be checked without their secrets."""

    def refusals(self, document: Document) -> Iterator[ConfigError]:
        del document
        return iter(())


CHECKED = _Checked()
"""What configs of the last load may reach: whatever they were allowed then."""


def keep(
    memory: Memory,
    known: Known,
    configs: Iterable[Config | BrokenConfig],
    revisions: Mapping[str, str],
    *,
    seconds: float = KEEP_SECONDS,
) -> int:
    """
    Keep what a load has found; return how many configs differ from what was kept.

    :param configs: all configs of the store, each with its problem where no DAG could be built from it
    :param revisions: those of all files of the store, listed before the files were read
    :param seconds: after which the rest is left to the next load
    """
    found = {config.dag_id: config for config in configs}
    folders: dict[PurePosixPath, str] = {}
    stamps = {dag_id: _stamp(config, revisions, folders) for dag_id, config in found.items()}
    memory.note_keys({config.key for config in found.values()})
    return memory.keep(known, stamps, lambda dag_id: _as_text(found[dag_id]), seconds=seconds)


def recalled(memory: Memory) -> list[Config | BrokenConfig]:
    """Return all configs of the last load, sorted by DAG id."""
    configs = (_from_text(dag_id, text) for dag_id, text in memory.contents().items())
    return [config for config in configs if config is not None]


def recalled_one(memory: Memory, dag_id: str) -> Config | BrokenConfig | None:
    """Return the config that the last load found for a DAG id, None where it found none."""
    text = memory.content(dag_id)
    return _from_text(dag_id, text) if text is not None else None


def without_secrets(document: Document) -> Document:
    """Return a document that gives the same DAG, and holds no secret."""
    hidden = at_rest.without_secrets(document)
    source = hidden.get("sourceConfig")
    if isinstance(source, dict) and "config" in source:
        source["config"] = shown(document["sourceConfig"]["config"])
    server = hidden.get(SERVER)
    if isinstance(server, dict) and server.get("hostPort") == HIDDEN:
        server["hostPort"] = _host(document[SERVER]["hostPort"])
    return hidden


def _host(url: object) -> str:
    """Return the server of a URL, which the docs link to, and hide all else."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return HIDDEN
    user, _, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{HIDDEN}@{host}" if user else f"{parts.scheme}://{host}"


def _stamp(config: Config | BrokenConfig, revisions: Mapping[str, str], folders: dict[PurePosixPath, str]) -> str:
    """Return a text that changes when what is kept of a config may change. It holds no secret, nor a digest of one."""
    folder = PurePosixPath(config.key).parent
    if folder not in folders:
        folders[folder] = " ".join(revisions.get(key, "-") for key in defaults_keys(config.key))
    wrong = config.problem if isinstance(config, BrokenConfig) else config.trouble
    return f"{__version__} {revisions.get(config.key)} {folders[folder]} {config.key} {type(config).__name__} {wrong}"


def _as_text(config: Config | BrokenConfig) -> str:
    if isinstance(config, BrokenConfig):
        return json.dumps({"key": config.key, "problem": _parts(config.problem)})
    trouble = config.trouble
    kept: dict[str, Any] = {
        "key": config.key,
        "document": without_secrets(config.document),
        "trouble": [_parts(trouble.problem), trouble.since] if trouble is not None else None,
    }
    return json.dumps(kept)


def _from_text(dag_id: str, text: str) -> Config | BrokenConfig | None:
    try:
        kept = json.loads(text)
        if problem := kept.get("problem"):
            return BrokenConfig(dag_id, kept["key"], _problem(problem))
        trouble = kept["trouble"]
        return Config(
            dag_id,
            kept["key"],
            kept["document"],
            Trouble(_problem(trouble[0]), trouble[1]) if trouble else None,
            is_redacted=True,
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        log.warning("the copy of DAG '%s' from the last load can't be read", dag_id)
        return None


def _parts(problem: ConfigError) -> dict[str, Any]:
    if isinstance(problem, InvalidError):
        return {"problems": [asdict(each) for each in problem.problems], "config": problem.config}
    return {"problem": problem.problem, "field": problem.field, "config": problem.config, "place": problem.place}


def _problem(parts: dict[str, Any]) -> ConfigError:
    if "problems" in parts:
        return InvalidError([Problem(**each) for each in parts["problems"]], config=parts["config"])
    place = parts.pop("place", None)
    return ConfigError(**parts, place=tuple(place) if place else None)
