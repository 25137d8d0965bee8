"""What tests ask of the configs of a store."""

from __future__ import annotations

from collections.abc import Iterable

from dag_factory.configs.validation.validator import examine
from dag_factory.errors import ConfigError
from dag_factory.store.config import BrokenConfig, Config


def problem_of(config: Config | BrokenConfig | None) -> ConfigError | None:
    """Return what is wrong with a config, None where it can run."""
    return config.problem if isinstance(config, BrokenConfig) else None


def check(config: Config) -> None:
    """Raise InvalidError where a config can't run, as the loader's check does."""
    examine(config.document).require_pipeline()


def good(configs: Iterable[Config | BrokenConfig]) -> list[Config]:
    """Return configs, none of which may be broken."""
    found = list(configs)
    assert not [problem for config in found if (problem := problem_of(config))]
    return [config for config in found if isinstance(config, Config)]
