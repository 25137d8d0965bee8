"""The files that Airflow parses for our DAGs: which of them a change concerns, and how to touch those that are here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dag_factory.dag.bundle_list import own_bundles
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store import ConfigStore
from dag_factory.store.catalog import Catalog
from dag_factory.store.shards import WHOLE, Shard, shard_of_file, shards_of

DagIds = Collection[str] | None
"""The DAG ids that a change concerns, None where that is unknown: then it may be all of them."""


class LoaderFile(NamedTuple):
    """A file as Airflow knows it."""

    bundle: str
    path: str

    @property
    def shard(self) -> Shard | None:
        """The shard that it builds, None where it is not named like a loader file of ours."""
        return shard_of_file(PurePosixPath(self.path).name)

    def of(self, shard: Shard) -> LoaderFile:
        """Return the loader file of another shard, beside this one."""
        return LoaderFile(self.bundle, str(PurePosixPath(self.path).with_name(shard.file_name)))


class LoaderFiles:
    """
    The files that make the DAGs of the store: those from which Airflow has DAGs, and those of our bundles in Airflow's
    configuration.

    The names of the files in one folder say how they divide the DAG ids. So the file of a new DAG is known, even if it
    has made no DAG yet.

    :param store: opens the config store
    :param dags_folder: Airflow's DAGs folder, in whose loader files Airflow notices a touch
    :param bundles: returns the loader files that bundles of ours make
    """

    def __init__(
        self,
        store: Callable[[], ConfigStore],
        dags_folder: Path,
        bundles: Callable[[], Iterable[LoaderFile]] | None = None,
    ) -> None:
        self._store = store
        self._local = LoaderFolder(dags_folder)
        self._bundles = bundles or _configured
        self._found: frozenset[LoaderFile] = frozenset()

    def find(self, dags: Iterable[tuple[str, LoaderFile]]) -> None:
        """
        Take note of the files that have made DAGs of the store.

        After the last config is removed, no DAG names its file. The files found before are then kept.

        :param dags: DAG ids with the files that made them; other DAGs may carry our tag too, and are left out
        """
        files: set[LoaderFile] = set()
        catalog: Catalog | None = None
        for dag_id, file in dags:
            if file.shard is not None:
                files.add(file)
            elif file not in files:
                catalog = catalog or Catalog(self._store())
                if catalog.look_up(dag_id) is not None:
                    files.add(file)
        self._found = frozenset(files) or self._found

    def files(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> list[LoaderFile]:
        """Return the files to parse for a change, sorted, without those of some shards; empty where none is known."""
        return sorted({file for file in self._files(dag_ids) if file.shard not in without})

    def shards(self, dag_ids: DagIds) -> list[Shard]:
        """Return the shards whose loads see a change, sorted."""
        return sorted({shard for of in self._numbers() for shard in shards_of(dag_ids, of)})

    def are_divided(self) -> bool:
        """Return whether there are several shards, so that it matters which DAG ids a change concerns."""
        return self._numbers() != {1}

    def touch(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        """
        Touch the loader files in the DAGs folder that a change concerns, without those of some shards.

        Does nothing if they are elsewhere, or have other names: Airflow then parses them at the next regular time.
        """
        there = self._local.found()
        concerned = {shard for of in {shard.of for shard in there} for shard in shards_of(dag_ids, of)}
        self._local.touch(concerned.intersection(there).difference(without))

    def _numbers(self) -> set[int]:
        """Return how many shards there are; two numbers while one replaces the other."""
        known = self._known()
        found = [file.shard or WHOLE for file in known] if known else self._local.found()
        return {shard.of for shard in found} or {1}

    def _known(self) -> frozenset[LoaderFile]:
        return self._found.union(self._bundles())

    def _files(self, dag_ids: DagIds) -> Iterator[LoaderFile]:
        known: dict[int, dict[Shard, set[LoaderFile]]] = {}
        for file in self._known():
            if (shard := file.shard) is None:
                yield file
            else:
                known.setdefault(shard.of, {}).setdefault(shard, set()).add(file)
        for of, by_shard in known.items():
            siblings = {file.of(WHOLE): file for files in by_shard.values() for file in files}.values()
            for shard in shards_of(dag_ids, of):
                yield from by_shard.get(shard) or {sibling.of(shard) for sibling in siblings}


def _configured() -> list[LoaderFile]:
    """Return the loader files that our bundles make, as Airflow's configuration on this machine names them."""
    return [LoaderFile(bundle.name, shard.file_name) for bundle in own_bundles() for shard in bundle.part.all()]
