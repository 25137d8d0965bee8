"""
The settings that are recommended, by how many pipelines there are: for `doctor`, `init`, and docs/scaling.md.

The figures behind them are measured; docs/scaling.md says how.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from dag_factory.settings import airflow_settings
from dag_factory.settings.options import SECTION

SIZES = (1_000, 10_000, 100_000)
"""The numbers of pipelines that the recommendations are for; those of the next one hold from twice a number on."""

PARSE_SECONDS = 0.006
"""CPU for each pipeline: 2 ms to parse and 4 ms to write it to the database."""

DAG_PROCESSOR, SCHEDULER = "DAG processor", "scheduler"


@dataclass(frozen=True)
class Recommendation:
    """
    A setting, and its value at each of `SIZES`.

    :param why: a clause
    :param restart: what reads it only at its start
    """

    section: str
    option: str
    values: tuple[int, int, int]
    why: str
    restart: str = DAG_PROCESSOR

    @property
    def name(self) -> str:
        """Return the setting as documentation names it."""
        return f"[{self.section}] {self.option}"

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return f"AIRFLOW__{self.section.upper()}__{self.option.upper()}"

    def value(self, pipelines: int) -> int:
        """Return the recommended value for a number of pipelines."""
        return self.values[size_of(pipelines)]

    @property
    def current(self) -> str:
        """The value on this machine."""
        return airflow_settings.option(self.section, self.option)


FILE_PROCESS_INTERVAL = Recommendation(
    "dag_processor",
    "min_file_process_interval",
    (14_400, 14_400, 86_400),
    "each change asks for its own parse; this is for what has not changed",
)
TO_CREATE = Recommendation(
    "scheduler",
    "max_dagruns_to_create_per_loop",
    (10, 50, 100),
    "where many pipelines have one cron",
    SCHEDULER,
)
SPREAD = Recommendation(
    SECTION,
    "schedule_spread_seconds",
    (0, 1_800, 3_600),
    "so that the runs of one cron don't begin at once",
)
REFRESH = Recommendation(
    "dag_processor", "refresh_interval", (300, 300, 300), "each refresh compares all files and DAGs"
)
CLEANUP = Recommendation(
    "scheduler", "parsing_cleanup_interval", (60, 60, 300), "each looks for stale DAGs among all", DAG_PROCESSOR
)

RECOMMENDATIONS = (FILE_PROCESS_INTERVAL, REFRESH, CLEANUP, TO_CREATE, SPREAD)

TO_LOOK_THROUGH = {
    "config_store": "the folder of configs. The API server, the scheduler, the DAG processor and the workers must see "
    "the same one",
    "openmetadata_conn_id": "an Airflow Connection with host and token of the OpenMetadata server, for all pipelines",
    "allowed_servers": "the OpenMetadata servers that configs may report to. Set it if people may deploy who must not "
    "have OpenMetadata's token",
    "python": "an interpreter that has openmetadata-ingestion, if that can't be installed beside Airflow",
    "state_folder": "a folder that outlives the container, so that a store that is not mounted is not taken for empty",
}
"""Settings of ours whose right value depends on the installation, as in docs/settings.md."""

# Pipelines, shards: from the first number on, fewer make each change slow.
_SHARDS = ((0, 1), (200, 16), (2_000, 64), (5_000, 192), (15_000, 384), (40_000, 1_536))
# Airflow compares all DAGs of a bundle before each parse that it is asked for. Up to the first number of shards,
# that is quick in one bundle; where there are more, each of several bundles has the second number.
_SHARDS_OF_ONE_BUNDLE, _SHARDS_OF_EACH_BUNDLE = 64, 24


def size_of(pipelines: int) -> int:
    """Return which of `SIZES` a number of pipelines is nearest to."""
    return min(bisect_right([2 * size for size in SIZES], pipelines), len(SIZES) - 1)


def shards_for(pipelines: int) -> int:
    """Return how many loaders are recommended for a number of pipelines."""
    return next(shards for least, shards in reversed(_SHARDS) if pipelines >= least)


def parse_share(pipelines: int, interval: float) -> float:
    """Return the share of a core that one parse per interval costs while nothing changes."""
    return pipelines * PARSE_SECONDS / max(interval, 1.0)


def parts_for(pipelines: int) -> int:
    """Return in how many bundles these loaders are best, where they are in bundles."""
    shards = shards_for(pipelines)
    return shards // _SHARDS_OF_EACH_BUNDLE if shards > _SHARDS_OF_ONE_BUNDLE else 1
