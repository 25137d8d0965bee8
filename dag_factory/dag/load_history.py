"""How long the last loads took in Airflow's DAG processor, how near that is to its limits, and the way out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from typing import Any

from dag_factory.store.shards import MAX_SHARDS, WHOLE, Shard

WARNING_SHARE = 0.7
"""From this share of a limit on, a load is reported."""
AIM_SHARE = 0.35
"""With as many shards as are recommended, a parse takes about this share of its limit."""
# A parse that takes a smaller share of its limit is too short to predict a longer one.
_LEAST_SHARE = 0.1

MODULE_LIMIT, PARSE_LIMIT = "[core] dagbag_import_timeout", "[dag_processor] dag_file_processor_timeout"
_PART = "part of the parse"


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
class LoadRecord:
    """
    One load in Airflow's DAG processor, as far as it came.

    :param began: in seconds since the epoch
    :param dags: how many it built
    :param given: for how many seconds it was to build them at most, None for no limit
    :param built: after how many seconds they were built, None where it did not come so far
    :param ended: after how many seconds the whole parse had ended by itself, None where it was killed, or still runs
    :param left_out: how many new configs it did not load, for lack of time
    :param put_off: how many configs it did not read or judge again, for lack of time
    """

    began: float
    limits: Limits = Limits()
    dags: int | None = None
    given: float | None = None
    built: float | None = None
    ended: float | None = None
    left_out: int = 0
    put_off: int = 0

    @property
    def is_complete(self) -> bool:
        return self.dags is not None and self.built is not None and self.ended is not None

    def as_json(self) -> dict[str, Any]:
        """Return the load for a file of notes."""
        return asdict(self)

    @classmethod
    def from_json(cls, noted: object) -> LoadRecord | None:
        """Return the load that was noted, None where it can't be read."""
        try:
            known = {field.name: noted[field.name] for field in fields(cls)}  # type: ignore[index]
            load = cls(**known | {"limits": Limits(**known["limits"])})
            numbers = [load.began, load.left_out, load.put_off]
            numbers += [each or 0 for each in (load.dags, load.given, load.built, load.ended)]
            return load if all(isinstance(each, (int, float)) for each in numbers) else None
        except (TypeError, KeyError, AttributeError):
            return None


@dataclass(frozen=True)
class LoadHistory:
    """
    What is known of the loads of one shard on one machine.

    :param last: the last one that began
    :param complete: the last one that ended with all DAGs built, None before the first
    :param killed: how many have begun since, and did not end
    """

    last: LoadRecord | None = None
    complete: LoadRecord | None = None
    killed: int = 0

    def began(self, load: LoadRecord) -> LoadHistory:
        """Return what is known once another load has begun; the last one has ended by then, if only by being killed."""
        is_killed = self.last is not None and self.last.ended is None
        return replace(self, last=load, killed=self.killed + 1 if is_killed else self.killed)

    def went_on(self, load: LoadRecord) -> LoadHistory:
        """Return what is known once the last load has come further."""
        return LoadHistory(load, load, 0) if load.is_complete else replace(self, last=load)

    def build_seconds(self, limits: Limits) -> float | None:
        """
        Return for how many seconds a load may build DAGs, None for no limit.

        The rest of the limit of the whole parse is for Airflow's own part: the share that it took of the last complete
        parse, but at least half.
        """
        share = 0.5
        done = self.complete
        if done is not None and limits.parse and done.built is not None and done.ended is not None:
            share = done.built / done.ended if done.ended > _LEAST_SHARE * limits.parse else share
        parse = limits.parse and limits.parse * min(share, 0.5)
        return min([seconds for seconds in (limits.module, parse) if seconds], default=None)


def problem_of(loads: LoadHistory, shard: Shard = WHOLE) -> str | None:
    """
    Return what is wrong with the loads of a shard, and the way out; None where they are well within Airflow's limits.

    Whether a load was killed is known once the next one has begun.
    """
    return (
        _waiting(loads.last, shard)
        or _killed(loads, shard)
        or _stopped(loads.last, shard)
        or _near(loads.last, shard)
        or _near(loads.complete, shard)
    )


def nearest(load: LoadRecord) -> tuple[float, float, float, str] | None:
    """
    Return the limit that a load came nearest to: the share used, the seconds, the limit and its name.

    None where the load built no DAGs, or has no limit.
    """
    if load.built is None or not load.dags:
        return None
    steps = (
        (load.ended, load.limits.parse, PARSE_LIMIT),
        (load.built, load.limits.module, MODULE_LIMIT),
        # The time of the whole parse is known once it has ended.
        (load.built, load.given if load.ended is None else None, _PART),
    )
    shares = [
        (seconds / limit, seconds, limit, name) for seconds, limit, name in steps if limit and seconds is not None
    ]
    return max(shares, key=lambda each: each[0], default=None)


def _waiting(load: LoadRecord | None, shard: Shard) -> str | None:
    if load is None or not load.given or not (load.left_out or load.put_off):
        return None
    what = (
        f"{load.left_out} new configs are not loaded yet"
        if load.left_out
        else f"{load.put_off} configs have changed and were not judged yet, so their DAGs stay as they were"
    )
    limits = load.limits
    setting, seconds = (MODULE_LIMIT, limits.module) if load.given == limits.module else (PARSE_LIMIT, limits.parse)
    return (
        f"{what}: with them, a load of {shard.file_name} could exceed the {load.given:.0f} s that Airflow gives to it, "
        f"and then no DAG would be left. {_way_out(_shards_due(shard, 1), setting, 2 * (seconds or load.given))}"
    )


def _killed(loads: LoadHistory, shard: Shard) -> str | None:
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


def _stopped(last: LoadRecord | None, shard: Shard) -> str | None:
    if last is None or last.ended is None or last.built is not None or not last.limits.module:
        return None
    seconds = last.limits.module
    return (
        f"Airflow stopped the last load of {shard.file_name} after {seconds:.0f} s ({MODULE_LIMIT}), and removes the "
        f"DAGs of a file that it can't parse. {_way_out(_shards_due(shard, 2), MODULE_LIMIT, 2 * seconds)}"
    )


def _near(load: LoadRecord | None, shard: Shard) -> str | None:
    found = nearest(load) if load is not None else None
    if load is None or found is None or found[0] <= WARNING_SHARE:
        return None
    share, seconds, limit, name = found
    most = f"With about {(load.dags or 0) / share:.0f}"
    if name == _PART:
        return (
            f"A load of {shard.file_name} took {seconds:.0f} s of the {limit:.0f} s that leave Airflow the time to "
            f"store its DAGs ({PARSE_LIMIT}), for {load.dags} DAGs. {most} Airflow may end a parse, and removes the "
            f"DAGs of a file that it can't parse. "
            f"{_way_out(_shards_due(shard, share), PARSE_LIMIT, (load.limits.parse or limit) * share / AIM_SHARE)}"
        )
    return (
        f"A parse of {shard.file_name} took {seconds:.0f} s of the {limit:.0f} s of {name} for {load.dags} DAGs. "
        f"{most} Airflow ends it, and removes the DAGs of a file that it can't parse. "
        f"{_way_out(_shards_due(shard, share), name, seconds / AIM_SHARE)}"
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
