"""Checks of the loaders: are they there and parsed, have they seen the last change, how long do they take?"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

from dag_factory.cli.checks.check import Finding, fail, ok, split, unknown, warn
from dag_factory.cli.checks.site import NoDatabaseError, Site
from dag_factory.dag.bundle_list import bundle_problems, is_own, own_bundles
from dag_factory.dag.load_history import LoadHistory, LoadRecord, nearest, problem_of
from dag_factory.dag.load_notes import notes_path, read_loads
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.settings import airflow_settings
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.markers import is_seen
from dag_factory.store.shards import Shard, shard_of_file, shards

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PARSED_WITHIN_SECONDS = 180.0
"""Within this time after a change, loaders of a busy installation may still be parsed."""

_INIT = "Run airflow openmetadata-dag-factory init"


def bundle_conflicts() -> list[str]:
    """Return what is wrong with our bundles as they are configured now, and where loaders are there twice."""
    found = bundle_problems()
    files = LoaderFolder(airflow_settings.dags_folder())
    bundles = airflow_settings.dag_bundles()
    if files.found() and any(map(is_own, bundles)) and files.path in airflow_settings.local_bundles().values():
        found.append(
            f"'{files.path}' has loaders too, so each pipeline has two. Remove them, now that a bundle makes them."
        )
    return found


def loader(site: Site) -> list[Finding]:
    """Return whether Airflow has our loaders, all of them once, as they were made, and without import errors."""
    findings = [*_files(), *(split(fail, problem) for problem in bundle_conflicts())]
    try:
        findings += _parsed(site)
    except NoDatabaseError as error:
        findings.append(unknown(f"whether Airflow has parsed them is unknown: {error}"))
    return findings


def marker(site: Site) -> list[Finding]:
    """
    Return whether loaders see the changes of the store.

    Where there are several, a change has only those parsed that it concerns, so it is enough that some have seen it.
    """
    present = site.store.marker()
    if isinstance(site.store, FolderStore) and not _keeps_notes(site.store):
        return [ok("unknown: in a read-only store, loaders can't note which change they have seen")]
    behind = [shard for shard in site.shards if not is_seen(site.store.loaded(shard), present)]
    made = _made(present) if present is not None else None
    age = time.time() - made if made is not None else None
    change = f"the last change, of {shown(age)} ago" if age is not None else "the last change"
    if present is None:
        return [_nothing_noticed(site)]
    if not behind:
        return [ok(f"{'all' if site.shards[1:] else 'the'} {_counted(len(site.shards))} seen {change}")]
    if seen := len(site.shards) - len(behind):
        return [
            ok(f"{seen} of {len(site.shards)} loaders have seen {change}; others are parsed when one concerns them")
        ]
    names = ", ".join(shard.file_name for shard in behind[:3]) + (", …" if behind[3:] else "")
    which = f"{len(behind)} of {len(site.shards)} loaders have" if site.shards[1:] else "the loader has"
    text = f"{which} not seen {change}: {names}"
    if age is not None and age < PARSED_WITHIN_SECONDS:
        return [warn(text, "Wait for a minute: each change asks the DAG processor for a parse.")]
    return [fail(text, "Is the DAG processor running, with these files in its DAGs folder or bundles?")]


def parses(site: Site) -> list[Finding]:
    """Return how long the loads take, and how near that is to Airflow's limits."""
    findings = []
    memory = site.memory
    known = {shard: read_loads(notes_path(memory.path, shard)) for shard in site.shards} if memory is not None else {}
    for shard, loads in known.items():
        if (problem := problem_of(loads, shard)) is not None:
            findings.append(split(fail if _is_lost(loads) else warn, problem))
    noted = site.store.load_problem()
    # Those of this machine are there too.
    if noted is not None and not findings:
        findings.append(split(warn, noted))
    complete = [(load, shard) for shard, loads in known.items() if (load := loads.complete) is not None]
    if not complete:
        return findings or [ok("no loader was parsed on this machine; other machines report no problem")]
    return findings or [ok(_slowest(complete))]


def _nothing_noticed(site: Site) -> Finding:
    """Return the finding for a store without a version marker."""
    try:
        active, _ = site.ask(_counts)
    except NoDatabaseError:
        active = 0
    if active <= site.pipelines:
        return ok("no config was deployed or dropped yet, so there is nothing to parse")
    return warn(
        f"the store has no version marker, and Airflow has {active} DAGs of this package for its {site.pipelines} "
        "configs",
        "Do all of Airflow's components have the same [openmetadata_dag_factory] config_store?",
    )


def _files() -> Iterator[Finding]:
    folders = {airflow_settings.dags_folder(), *airflow_settings.local_bundles().values()}
    found = {folder: LoaderFolder(folder).found() for folder in sorted(folders)}
    bundles = own_bundles()
    for folder, present in found.items():
        numbers = Counter(shard.of for shard in present)
        if len(numbers) > 1:
            named = " and of ".join(map(str, sorted(numbers)))
            yield warn(
                f"'{folder}' has loaders of {named} shards, so each pipeline has two", f"{_INIT} --shards NUMBER"
            )
        for of in numbers:
            missing = sorted(set(shards(of)).difference(present))
            if missing and len(numbers) == 1:
                yield fail(
                    f"'{folder}' lacks {len(missing)} of {of} loaders, such as {missing[0].file_name}: their pipelines "
                    "have no DAG",
                    f"{_INIT} --shards {of}",
                )
        changed = [shard for shard in present if not LoaderFolder(folder).is_made(shard)]
        if changed:
            yield warn(
                f"{len(changed)} loaders in '{folder}' differ from ours, such as {changed[0].file_name}",
                f"If that is not on purpose: {_INIT} --force",
            )
        if present:
            yield ok(f"{len(present)} loader{'s' * (len(present) != 1)} in '{folder}'")
    if bundles:
        count = sum(len(bundle.part.all()) for bundle in bundles)
        yield ok(f"{count} loaders in bundles of ours: {', '.join(bundle.name for bundle in bundles)}")
    elif not any(found.values()):
        yield warn(
            f"this machine has no loader, neither in '{airflow_settings.dags_folder()}' nor in a local bundle",
            f"{_INIT}, unless Airflow takes its DAGs from elsewhere, such as a Git bundle.",
        )


def _parsed(site: Site) -> Iterator[Finding]:
    stacktraces = site.ask(_import_errors)
    for name in stacktraces:
        yield fail(
            f"Airflow could not import {name}, which stops all of its DAGs",
            "airflow dags list-import-errors says why. Is this package installed where the DAG processor runs?",
        )
    files = {file for _, file in site.made_by}
    active, stale = site.ask(_counts)
    if not files:
        if site.pipelines:
            yield fail(
                f"Airflow has no DAG of ours, and the store has {site.pipelines} configs",
                "Is the DAG processor running, with the loader in its DAGs folder or bundles?",
            )
        return
    gone = f", and {stale} stale ones of removed configs" if stale else ""
    yield ok(f"Airflow has {active} DAGs of ours from {len(files)} file{'s' * (len(files) != 1)}{gone}")
    numbers = {shard.of for file in files if (shard := file.shard) is not None}
    if len(numbers) > 1:
        yield warn(
            f"Airflow has DAGs from loaders of {' and of '.join(map(str, sorted(numbers)))} shards",
            "Wait for a minute if you have just changed their number; else remove those of the other number.",
        )


def _import_errors(session: Session) -> list[str]:
    from airflow.models.errors import ParseImportError
    from sqlalchemy import select

    rows = session.scalars(select(ParseImportError.filename))
    names = (PurePosixPath(str(name)).name for name in rows if name)
    return sorted({name for name in names if shard_of_file(name) is not None})


def _counts(session: Session) -> tuple[int, int]:
    """Return how many DAGs of ours Airflow has, and how many more are stale."""
    from airflow.models.dag import DagModel, DagTag
    from sqlalchemy import func, select

    from dag_factory.dag.tags import TAG

    ours = select(DagModel.is_stale, func.count()).join(DagTag, DagTag.dag_id == DagModel.dag_id)
    rows = session.execute(ours.where(DagTag.name == TAG).group_by(DagModel.is_stale))
    counts = {bool(is_stale): int(count) for is_stale, count in rows}
    return counts.get(False, 0), counts.get(True, 0)


def _keeps_notes(store: FolderStore) -> bool:
    return os.access(store.root, os.W_OK) or any(store.root.glob(".loaded*"))


def _is_lost(loads: LoadHistory) -> bool:
    last = loads.last
    is_stopped = last is not None and last.built is None and last.ended is not None
    return bool(loads.killed or is_stopped or (last is not None and (last.left_out or last.put_off)))


def _slowest(complete: list[tuple[LoadRecord, Shard]]) -> str:
    load, shard = max(complete, key=lambda each: each[0].ended or 0.0)
    text = f"the slowest of {len(complete)} took {load.ended:.1f} s, {load.built:.1f} s of it to build {load.dags} DAGs"
    if (found := nearest(load)) is not None:
        share, _, limit, name = found
        text += f": {share:.0%} of {limit:.0f} s ({name})"
    last = max(each.began for each, _ in complete)
    return f"{text}; {shard.file_name}. The last parse on this machine was {shown(time.time() - last)} ago"


def _counted(count: int) -> str:
    return f"{count} loaders have" if count != 1 else "loader has"


def _made(marker: str) -> float | None:
    """Return when a marker was made, in seconds since the epoch; None where it is not one of ours."""
    try:
        return (UUID(marker).int >> 80) / 1000
    except ValueError:
        return None


def shown(seconds: float) -> str:
    """Return a duration as people say it, in its largest unit."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"
