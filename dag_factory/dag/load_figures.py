"""How long loads take in Airflow's DAG processor, how near that is to Airflow's limits, and the way out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from typing import Any

from dag_factory.store.load_time import WARNING_SHARE
from dag_factory.store.shards import MAX_SHARDS, WHOLE, Shard

AIM_SHARE = 0.35
"""With as many shards as are recommended, a parse takes about this share of its limit."""
# What takes less of the limit says little of how long it takes with more configs.
_TELLING_SHARE = 0.1

MODULE_LIMIT, PARSE_LIMIT = "[core] dagbag_import_timeout", "[dag_processor] dag_file_processor_timeout"


@dataclass(frozen=True)
class Limits:
    """
    For how many seconds Airflow lets a loader run, None without a limit.

    :param module: the module alone, which builds the DAGs; an exception ends it
    :param parse: the whole parse, with the serialization of the DAGs; a signal kills it
    """

    module: float | None = None
    parse: float | None = None


@dataclass(frozen=True)
class Load:
    """
    One load in Airflow's DAG processor, as far as it came.

    :param began: in seconds since the epoch
    :param dags: how many it built
    :param built: after how many seconds they were built, None where it did not come so far
    :param ended: after how many seconds the whole parse had ended by itself, None where it was killed, or still runs
    """

    began: float
    limits: Limits = Limits()
    dags: int | None = None
    built: float | None = None
    ended: float | None = None

    @property
    def is_complete(self) -> bool:
        return self.dags is not None and self.built is not None and self.ended is not None

    def as_json(self) -> dict[str, Any]:
        """Return the load for a file of notes."""
        return asdict(self)

    @classmethod
    def from_json(cls, noted: object) -> Load | None:
        """Return the load that was noted, None where it can't be read."""
        try:
            known = {field.name: noted[field.name] for field in fields(cls)}  # type: ignore[index]
            load = cls(**known | {"limits": Limits(**known["limits"])})
            numbers = [load.began, load.dags or 0, load.built or 0, load.ended or 0]
            return load if all(isinstance(each, (int, float)) for each in numbers) else None
        except (TypeError, KeyError, AttributeError):
            return None


@dataclass(frozen=True)
class Loads:
    """
    What is known of the loads of one shard on one machine.

    :param last: the last one that began
    :param complete: the last one that ended with all DAGs built, None before the first
    :param killed: how many have begun since, and did not end
    """

    last: Load | None = None
    complete: Load | None = None
    killed: int = 0

    def began(self, load: Load) -> Loads:
        """Return what is known once another load has begun; the last one has ended by then, if only by being killed."""
        is_killed = self.last is not None and self.last.ended is None
        return replace(self, last=load, killed=self.killed + 1 if is_killed else self.killed)

    def went_on(self, load: Load) -> Loads:
        """Return what is known once the last load has come further."""
        return Loads(load, load, 0) if load.is_complete else replace(self, last=load)

    def build_seconds(self, limits: Limits) -> float | None:
        """
        Return for how many seconds a load may build DAGs, None for no limit.

        What is left of the limit of the whole parse has to be enough for Airflow's own part: as much as it took of the
        last parse, or half of it where that is unknown.
        """
        share = 0.5
        done = self.complete
        if done is not None and limits.parse and done.built is not None and done.ended is not None:
            share = done.built / done.ended if done.ended > _TELLING_SHARE * limits.parse else share
        parse = limits.parse and limits.parse * min(share, 0.5)
        return min([seconds for seconds in (limits.module, parse) if seconds], default=None)


def problem_of(loads: Loads, shard: Shard = WHOLE) -> str | None:
    """
    Return what is wrong with the loads of a shard, and the way out; None where they are well within Airflow's limits.

    Whether a load was killed is known once the next one has begun.
    """
    return _killed(loads, shard) or _stopped(loads.last, shard) or _near(loads.complete, shard)


def _killed(loads: Loads, shard: Shard) -> str | None:
    if not loads.killed or loads.last is None:
        return None
    parses = f"The last {loads.killed} parses" if loads.killed > 1 else "The last parse"
    known = loads.complete
    since = f" (the one of {_moment(known.began)} did, with {known.dags} DAGs)" if known is not None else ""
    begun = f"{parses} of {shard.file_name} began and did not end{since}."
    if not loads.last.limits.parse:
        return f"{begun} Was the DAG processor stopped meanwhile, or is it short of memory?"
    seconds = loads.last.limits.parse
    return (
        f"{begun} Airflow kills a parse after {seconds:.0f} s ({PARSE_LIMIT}), and removes the DAGs of a file that it "
        f"can't parse. {_way_out(_shards_due(shard, 2), PARSE_LIMIT, 2 * seconds)} If the DAG processor was stopped "
        "meanwhile, do nothing."
    )


def _stopped(last: Load | None, shard: Shard) -> str | None:
    if last is None or last.ended is None or last.built is not None or not last.limits.module:
        return None
    seconds = last.limits.module
    return (
        f"Airflow stopped the last load of {shard.file_name} after {seconds:.0f} s ({MODULE_LIMIT}), and removes the "
        f"DAGs of a file that it can't parse. {_way_out(_shards_due(shard, 2), MODULE_LIMIT, 2 * seconds)}"
    )


def _near(load: Load | None, shard: Shard) -> str | None:
    if load is None or load.built is None or load.ended is None or not load.dags:
        return None
    steps = ((load.built, load.limits.module, MODULE_LIMIT), (load.ended, load.limits.parse, PARSE_LIMIT))
    shares = [(seconds / limit, seconds, limit, setting) for seconds, limit, setting in steps if limit]
    share, seconds, limit, setting = max(shares, default=(0, 0, 0, ""))
    if share <= WARNING_SHARE:
        return None
    return (
        f"A parse of {shard.file_name} took {seconds:.0f} s of the {limit:.0f} s of {setting} for {load.dags} DAGs. "
        f"With about {load.dags / share:.0f} Airflow ends it, and removes the DAGs of a file that it can't parse. "
        f"{_way_out(_shards_due(shard, share), setting, seconds / AIM_SHARE)}"
    )


def _shards_due(shard: Shard, share: float) -> int:
    """Return how many shards there must be, a power of two, so that a parse takes at most `AIM_SHARE` of its limit."""
    wanted = shard.of * share / AIM_SHARE
    return int(min(MAX_SHARDS, 2 ** math.ceil(math.log2(wanted))))


def _way_out(shards: int, setting: str, seconds: float) -> str:
    other = MODULE_LIMIT if setting == PARSE_LIMIT else PARSE_LIMIT
    return (
        f"Divide the store into {shards} shards (airflow openmetadata-dag-factory init --shards {shards}), or raise "
        f"{setting} to {seconds:.0f} for the DAG processor, and {other} with it."
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
