"""Our bundles in ``[dag_processor] dag_bundle_config_list``: which shards each makes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dag_factory.errors import SettingsError
from dag_factory.settings import airflow_settings
from dag_factory.store.parts import Part

CLASSPATH = "dag_factory.IngestionBundle"
_CLASSPATHS = {CLASSPATH, "dag_factory.dag.bundle.IngestionBundle"}


@dataclass(frozen=True)
class OwnBundle:
    """A bundle of ours, and the part of the store's shards whose loader files it makes."""

    name: str
    part: Part


def is_own(bundle: Mapping[str, Any]) -> bool:
    """Return whether a bundle of the configuration is one of ours."""
    return bundle.get("classpath") in _CLASSPATHS


def part_of(kwargs: Mapping[str, Any]) -> Part:
    """
    Return the part that a bundle makes.

    :param kwargs: as in the configuration
    :raises SettingsError: where it can't be
    """
    return Part(kwargs.get("part", 0), kwargs.get("parts", 1), kwargs.get("shards", 1))


def own_bundles() -> list[OwnBundle]:
    """Return our bundles, as this machine's configuration names them, without those that are wrong."""
    return _read(airflow_settings.dag_bundles())[0]


def bundle_problems() -> list[str]:
    """Return what is wrong with our bundles, as this machine's configuration names them."""
    bundles, problems = _read(airflow_settings.dag_bundles())
    return [*problems, *_gaps(bundles)]


def _read(configured: Iterable[Mapping[str, Any]]) -> tuple[list[OwnBundle], list[str]]:
    bundles, problems = [], []
    for each in configured:
        if is_own(each):
            try:
                bundles.append(OwnBundle(str(each.get("name")), part_of(each["kwargs"])))
            except SettingsError as error:
                problems.append(f"bundle '{each.get('name')}': {error}.")
    return bundles, problems


def _gaps(bundles: list[OwnBundle]) -> list[str]:
    """Return which parts several bundles make, and which none does."""
    if not bundles:
        return []
    divisions = {(bundle.part.of, bundle.part.shards) for bundle in bundles}
    if len(divisions) > 1:
        named = ", ".join(
            f"'{bundle.name}' ({bundle.part.shards} shards, {bundle.part.of} parts)" for bundle in bundles
        )
        return [
            f"The bundles differ in shards or parts: {named}. Some pipelines are then parsed twice, and others never. "
            "Give all of them the same shards and parts."
        ]
    ((of, _),) = divisions
    names: dict[int, list[str]] = {number: [] for number in range(of)}
    for bundle in bundles:
        names[bundle.part.number].append(bundle.name)
    problems = [
        f"Part {number} of {of} is made by several bundles: {', '.join(each)}. Its pipelines are parsed by each of "
        "them. Keep one."
        for number, each in names.items()
        if len(each) > 1
    ]
    missing = [str(number) for number, each in names.items() if not each]
    if missing:
        problems.append(
            f"No bundle makes part {', '.join(missing)} of {of}: the pipelines of its shards have no DAG. Add it on "
            "every machine; a DAG processor can pick some by --bundle-name."
        )
    return problems
