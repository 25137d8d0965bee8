"""From configs to DAGs: each with its plan, and a placeholder for each config that can't run."""

from __future__ import annotations

import logging
from functools import partial

from airflow.sdk import DAG

from dag_factory.dag.accepted import accepted
from dag_factory.dag.builder import plan_of, plan_of_placeholder
from dag_factory.dag.load_settings import LoadSettings
from dag_factory.dag.plan import PlaceholderPlan, Plan
from dag_factory.errors import ConfigError
from dag_factory.store.config import BrokenConfig, Config

log = logging.getLogger(__name__)

Built = tuple[DAG, "Plan | PlaceholderPlan"]


class Dags:
    """The DAGs of configs, each built once."""

    def __init__(self, settings: LoadSettings) -> None:
        self._plan_of = partial(
            plan_of,
            allowed=settings.allowed,
            longest_run=settings.longest_run,
            title_tag=settings.title_tag,
            spread=settings.spread,
            openmetadata_url=settings.openmetadata_url,
        )
        self._built: dict[tuple[str, str, bool], Built] = {}

    def check(self, config: Config) -> None:
        """
        Build the DAG of a config.

        :raises ConfigError: where it can't be built, or Airflow refuses it
        """
        try:
            plan = self._plan_of(config)
            self._built[_build_of(config)] = (accepted(plan), plan)
        except ConfigError as error:
            raise error.within(config.key) from None
        except Exception as error:
            log.exception("config '%s': Airflow refuses its DAG", config.key)
            raise ConfigError(
                f"Airflow refuses the DAG: {type(error).__name__}. The log of the DAG processor says why",
                config=config.key,
            ) from error

    def of(self, config: Config | BrokenConfig) -> Built | None:
        """Return the DAG of a config, or its placeholder, with the plan; None where neither can be built."""
        if isinstance(config, BrokenConfig):
            return placeholder(config)
        if _build_of(config) not in self._built:
            try:
                self.check(config)
            except ConfigError as error:
                return placeholder(config.broken(error))
        if config.trouble is not None:
            log.warning("%s. The last good version runs", str(config.trouble.problem).rstrip("."))
        return self._built[_build_of(config)]


def placeholder(config: BrokenConfig) -> Built | None:
    """Return the placeholder DAG of a broken config with its plan; None where Airflow refuses that too."""
    log.warning("%s", config.problem)
    try:
        plan = plan_of_placeholder(config)
        return accepted(plan), plan
    except Exception:
        log.exception(
            "config '%s': Airflow refuses the placeholder as well, so this config has no DAG at all", config.key
        )
        return None


def _build_of(config: Config) -> tuple[str, str, bool]:
    return (config.key, config.dag_id, config.trouble is not None)
