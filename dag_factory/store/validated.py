"""Configs of a store, validated: their documents, and the names of their files."""

from __future__ import annotations

from pathlib import PurePosixPath

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.inheritance import DEFAULTS
from dag_factory.configs.problem import Problem
from dag_factory.configs.validation.validator import Verdict, examine
from dag_factory.store.catalog import Config

_LIKE_DEFAULTS = frozenset({"default", "defaults"})


def check(config: Config, opened: Allowed | None = None) -> None:
    """
    Find fault with a config.

    :param opened: what the operator has opened to configs; without it, what the settings say now
    :raises InvalidError: with all errors
    """
    examine_config(config, opened).require_pipeline()


def examine_config(config: Config, opened: Allowed | None = None, *, warnings: bool = False) -> Verdict:
    """
    Return what there is to say of a config.

    :param opened: what the operator has opened to configs; without it, what the settings say now
    :param warnings: whether to look for doubtful things in one without errors too
    """
    document = config.document or {}
    if "name" not in document and PurePosixPath(config.key).stem.lower() in _LIKE_DEFAULTS:
        problem = "is named almost like the defaults of a folder, and is a pipeline without a name"
        return Verdict((Problem(None, "filename", problem, f"For defaults, rename the file to {DEFAULTS}"),), None)
    return examine(document, opened, warnings=warnings)
