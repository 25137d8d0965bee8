"""Configs of a store, validated: what a catalogue asks of each, for those who build no DAG."""

from __future__ import annotations

from dag_factory.allowed import Allowed
from dag_factory.catalog import Config
from dag_factory.validation.validator import examine


def check(config: Config, opened: Allowed | None = None) -> None:
    """
    Find fault with a config.

    :param opened: what the operator has opened to configs; without it, what the settings say now
    :raises InvalidError: with all errors
    """
    examine(config.document or {}, opened).require_pipeline()
