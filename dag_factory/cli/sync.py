"""``sync``: brings back what the OpenMetadata server has and the config store lacks, or has an older version of."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from dag_factory.api_server.foreign_dags import foreign_dag_ids
from dag_factory.api_server.sync import configured
from dag_factory.api_server.sync.difference import Differing
from dag_factory.api_server.sync.direct_writes import problem_of_id, write_configs
from dag_factory.api_server.sync.pruning import Pruned, candidates, prune
from dag_factory.api_server.sync.redeploy import Redeployed, redeploy
from dag_factory.api_server.sync.server_api import ServerApi, configured_connection
from dag_factory.api_server.sync.server_pipelines import Listing
from dag_factory.cli.asked_parses import Asked, have_parsed
from dag_factory.cli.database import has_database
from dag_factory.cli.exits import FAILED, FOUND, command
from dag_factory.cli.output import print_json, print_lines, progress
from dag_factory.cli.server_options import as_json, chosen, prepare, print_pipelines, remarks
from dag_factory.errors import DagFactoryError
from dag_factory.store import configured_store

# Of a call for many pipelines: the server waits for Airflow, one pipeline after another.
_DEPLOY_SECONDS = 300.0


@dataclass
class _Done:
    """What was done, until it was done or stopped."""

    deployed: list[Redeployed] = field(default_factory=list)
    pruned: list[Pruned] = field(default_factory=list)
    stopped: str | None = None
    is_interrupted: bool = False
    asked: Asked | None = None

    @property
    def failed(self) -> list[Redeployed]:
        return [each for each in self.deployed if each.problem is not None]

    @property
    def succeeded(self) -> list[Redeployed]:
        return [each for each in self.deployed if each.problem is None and not each.is_gone]

    @property
    def removed(self) -> list[Pruned]:
        return [each for each in self.pruned if each.kept is None]


@command
def sync(args: argparse.Namespace) -> int:
    """Deploy or write what is missing or older, maybe remove what is gone; return 1 where something was left."""
    prepare()
    found = configured.difference(chosen(args))
    wanted = found.to_deploy
    if args.undeployed:
        wanted, found.undeployed = wanted + found.undeployed, []
    # Refused before anything is done.
    gone = candidates(found) if args.prune else []
    taken = _taken_ids() if args.write and wanted else frozenset[str]()
    if args.dry_run:
        return _dry_run(args, wanted, taken, gone=[each.dag_id for each in gone])
    done = _Done()
    try:
        deploys = _write(wanted, taken) if args.write else _redeploy(wanted, args)
        for each in progress(deploys, "Writing" if args.write else "Deploying", len(wanted)):
            done.deployed.append(each)
        if gone:
            with ServerApi(configured_connection()) as api:
                done.pruned.extend(prune(configured_store(), api, gone))
    except DagFactoryError as error:
        done.stopped = str(error)
    except KeyboardInterrupt:
        done.stopped, done.is_interrupted = "it was interrupted", True
    finally:
        _ask_for_parse(done, is_written=args.write)
    return _report(args, done, len(wanted), remarks(found))


def _redeploy(wanted: list[Differing], args: argparse.Namespace) -> Iterable[Redeployed]:
    connection = configured_connection()

    def open_api(stopped: threading.Event) -> ServerApi:
        return ServerApi(connection, seconds=_DEPLOY_SECONDS, retry_seconds=args.retry_seconds, stopped=stopped)

    return redeploy(open_api, wanted, portion=args.portion, at_once=args.at_once)


def _taken_ids() -> frozenset[str]:
    """Return the ids of Airflow's other DAGs; where they are unknown, say so."""
    taken = foreign_dag_ids() if has_database() else None
    if taken is None:
        said = "Airflow's database can't be read, so whether another DAG has one of the ids is unknown."
        print_lines([said], sys.stderr)
    return taken or frozenset()


def _write(wanted: list[Differing], taken: frozenset[str]) -> Iterable[Redeployed]:
    if not wanted:
        return
    with ServerApi(configured_connection()) as api:
        yield from write_configs(configured_store(), Listing(api), wanted, taken=taken)


def _ask_for_parse(done: _Done, *, is_written: bool) -> None:
    """Have Airflow parse what was changed here, after all of it, also where it was stopped midway."""
    written = [each.pipeline.dag_id for each in done.succeeded] if is_written else []
    changed = {*written, *(each.config.dag_id for each in done.removed)}
    if changed:
        done.asked = have_parsed(frozenset(changed), wait=not done.is_interrupted)


def _dry_run(args: argparse.Namespace, wanted: list[Differing], taken: frozenset[str], gone: list[str]) -> int:
    problems = {each.dag_id: problem for each in wanted if (problem := problem_of_id(each, taken)) is not None}
    would = [each for each in wanted if each.dag_id not in problems]
    if args.output == "json":
        print_json({"would_deploy": as_json(would), "would_fail": problems, "would_prune": gone})
    else:
        print_pipelines(would)
        print_lines((f"Pipeline '{dag_id}' would fail: {problem}." for dag_id, problem in problems.items()), sys.stderr)
        print(f"{len(would)} pipelines would be {'written' if args.write else 'deployed'}.")
        if args.prune:
            print_lines([f"{len(gone)} configs would be removed{': ' if gone else ''}{', '.join(gone)}."])
    return FOUND if wanted or gone else 0


def _report(args: argparse.Namespace, done: _Done, wanted: int, more: list[str]) -> int:
    gone = [each for each in done.deployed if each.is_gone]
    if args.output == "json":
        print_json(
            {
                "deployed": [each.pipeline.dag_id for each in done.succeeded],
                "failed": [{**asdict(each.pipeline), "problem": each.problem} for each in done.failed],
                "gone": [each.pipeline.dag_id for each in gone],
                "pruned": [each.config.key for each in done.removed],
                "kept": {each.config.key: each.kept for each in done.pruned if each.kept is not None},
                "stopped": done.stopped,
                "parsed": done.asked.is_seen if done.asked is not None else None,
            }
        )
    else:
        what = "written" if args.write else "deployed"
        lines = [f"{len(done.succeeded)} of {wanted} pipelines {what}."]
        lines += [f"{len(gone)} were deleted from the server meanwhile."] if gone else []
        lines += [f"Removed '{each.config.key}'." for each in done.removed]
        lines += [f"Kept '{each.config.key}': {each.kept}." for each in done.pruned if each.kept is not None]
        print_lines([*lines, *more])
        print_lines(
            (f"Pipeline '{each.pipeline.dag_id}' failed: {str(each.problem).rstrip('.')}." for each in done.failed),
            sys.stderr,
        )
        if done.asked is not None and not done.asked.is_seen:
            print_lines([done.asked.said], sys.stderr)
    if done.stopped is not None:
        stopped = f"Stopped: {done.stopped.rstrip('.')}. What is done is done: run it again for the rest."
        print_lines([stopped], sys.stderr)
        return FAILED
    return FOUND if done.failed else 0
