"""Which of several configs that claim one DAG id gets it, and under which ids are the others shown?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from itertools import count

from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.errors import ConfigError
from dag_factory.store.claims import Claim
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.file_names import deployed_key, digest, fitting, nearness, stem_id
from dag_factory.store.load_time import DISPUTED_SHARE, LoadTime
from dag_factory.store.verdicts import Verdicts

Found = Config | BrokenConfig | Claim
"""What a DAG id belongs to. A claim is not checked yet: whatever the check finds, the id is its own."""


def owners(claims: Sequence[Claim], verdicts: Verdicts, load_time: LoadTime) -> dict[str, Found]:
    """
    Return what each DAG id belongs to, by the rule of `dag_factory.store.catalog.Catalog`.

    :param claims: of all configs of a store
    :param load_time: says which of the disputed claims there is no time to judge
    """
    owned: dict[str, Found] = {}
    disputed: list[Claim] = []
    counted = Counter(claim.named_id for claim in claims)
    for claim in claims:
        if (dag_id := claim.named_id) is not None and _is_undisputed(claim, dag_id, counted, verdicts):
            owned[dag_id] = claim
        else:
            disputed.append(claim)
    load_time.begin_step()
    in_time = _judged_in_time(disputed, counted, owned, verdicts, load_time)
    in_order = sorted(in_time, key=lambda claim: precedence(claim.key, claim.named_id))
    verdicts.expect(in_order)
    _settle(in_order, owned, verdicts)
    return owned


def _judged_in_time(
    claims: Sequence[Claim],
    counted: Mapping[str | None, int],
    owned: MutableMapping[str, Found],
    verdicts: Verdicts,
    load_time: LoadTime,
) -> Iterator[Claim]:
    """
    Yield the claims to which the rule can be applied in time, judged.

    Thousands of files with one name would otherwise use up the time of each shard's load, and no DAG would be left.

    :param counted: how many of all claims name each DAG id
    :param owned: gets the claims that are put off, under the DAG ids that they had in the last load
    """
    in_order = sorted(claims, key=lambda claim: (load_time.is_new(claim.key), claim.key))
    for number, claim in enumerate(in_order, len(owned)):
        if load_time.leaves_out(claim.key, number, share=DISPUTED_SHARE):
            continue
        if not verdicts.knows_good(claim):
            last_id = load_time.last_id(claim.key)
            # Where it alone names another DAG id, that one may have lost its config, and would have no DAG.
            stays = claim.named_id in {None, last_id} or counted[claim.named_id] > 1
            if load_time.waits(claim.key) and stays and last_id is not None and last_id not in owned:
                load_time.put_off.add(claim.key)
                owned[last_id] = claim
                continue
            verdicts.judged(claim)
        yield claim


def _is_undisputed(claim: Claim, dag_id: str, counted: Mapping[str | None, int], verdicts: Verdicts) -> bool:
    """
    Return whether only this config names its DAG id, and it would run under no other, even if it is broken.

    So each last good version of this config must be for this id, and each one for this id must be of this config.
    """
    return counted[dag_id] == 1 and (verdicts.knows_good(claim) or verdicts.copies.agrees(claim.key, dag_id))


def _settle(claims: Sequence[Claim], owned: dict[str, Found], verdicts: Verdicts) -> None:
    """
    Add the configs to which the rule has to be applied, each under its DAG id or one by which its problem is shown.

    :param claims: the winner of each DAG id first
    """
    running, broken = _contenders(claims, verdicts)
    losers: list[Claim] = []
    for dag_id, claim, found in sorted(running, key=lambda each: precedence(each[1].key, each[0])):
        if dag_id not in owned:
            owned[dag_id] = found
        elif isinstance(found, Config) and found.trouble is not None:
            broken.append(claim)  # its last good version has lost its id, but the config itself may name another one
        else:
            losers.append(claim)
    # In one order, whether or not another shard's load has removed copies that have lost their ids.
    for claim in sorted(broken, key=lambda each: precedence(each.key, each.named_id)):
        if claim.named_id is None or claim.named_id in owned:
            losers.append(claim)
        else:
            owned[claim.named_id] = verdicts.good_by_id(claim)
    for claim in losers:
        dag_id = next(candidate for candidate in _ids_for_a_problem(claim) if candidate not in owned)
        winner = owned.get(claim.named_id or "")
        owned[dag_id] = without_id(claim, dag_id, winner.key if winner is not None else "", verdicts)


def _contenders(
    claims: Sequence[Claim], verdicts: Verdicts
) -> tuple[list[tuple[str, Claim, Claim | Config]], list[Claim]]:
    """Return the configs that can run, each with the DAG id under which it would, and those that are broken."""
    running: list[tuple[str, Claim, Claim | Config]] = []
    broken: list[Claim] = []
    for claim in claims:
        if claim.named_id is not None and verdicts.knows_good(claim):
            running.append((claim.named_id, claim, claim))
        elif isinstance(config := verdicts.good_by_file(claim), Config):
            running.append((config.dag_id, claim, config))
        else:
            broken.append(claim)
    return running, broken


def without_id(claim: Claim, dag_id: str, winner: str, verdicts: Verdicts) -> BrokenConfig:
    """
    Return the config of a claim that has lost: with its own problem, or else that its DAG id is taken.

    :param dag_id: by which its problem is shown
    :param winner: the key of the config that has the DAG id
    """
    config = verdicts.judged(claim)
    is_outranked = isinstance(config, Config)
    problem = _taken(claim, winner) if isinstance(config, Config) else config.problem
    return BrokenConfig(dag_id, claim.key, problem, claim.document or {}, is_outranked)


def precedence(key: str, dag_id: str | None) -> tuple[bool, bool, int, str]:
    """Return the sort key of configs that claim one DAG id, the winner first."""
    return (dag_id is None or key != deployed_key(dag_id), stem_id(key) != dag_id, *nearness(key))


def shared(dag_id: str, other: str) -> ConfigError:
    """Return the error of one of two configs with the same DAG id, which only one of them can have."""
    return ConfigError(
        f"gives the DAG id '{dag_id}', as the name in config '{other}' does, and only one of the two can have it. "
        "Rename one of the two pipelines or remove it",
        field="name",
    )


def _taken(claim: Claim, winner: str) -> ConfigError:
    return ConfigError(
        f"the DAG id '{claim.named_id}' is taken by config '{winner}'. Rename one of the two pipelines or remove it",
        field="name",
        config=claim.key,
    )


def _ids_for_a_problem(claim: Claim) -> Iterator[str]:
    """Yield DAG ids under which a config's problem may be shown, the simplest first."""
    yield claim.stem_id
    whole = clean_dag_id(claim.key)
    yield fitting(whole)
    yield fitting(f"{whole}_{digest(claim.key)}")
    yield from (fitting(f"{whole}_{digest(claim.key)}_{number}") for number in count(2))
