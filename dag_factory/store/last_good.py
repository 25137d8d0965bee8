"""Last good versions: a copy of each config as it was when a DAG was last built from it, to run while it is broken."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from dag_factory.configs.document import Document
from dag_factory.store.all_copies import AllCopies
from dag_factory.store.copies import InUse, Version
from dag_factory.store.shards import WHOLE, Shard

__all__ = ["BUDGET_SECONDS", "FOLDER", "InUse", "LastGoodVersions", "Version"]

FOLDER = ".last_good"
"""The hidden folder of a store that holds the copies, unless a setting names another folder."""

# Airflow gives the loader's module 30 s. Copies that are not written within this time are left to the next loads.
BUDGET_SECONDS = 5.0


class LastGoodVersions(Protocol):
    """Where copies are kept. `find` and `copies` of a remote place may raise StoreError."""

    def find(self, dag_id: str) -> Version | None:
        """Return the copy for a DAG id, None where it is missing; lists one folder and opens one file."""

    def copies(self) -> AllCopies[Any]:
        """Return all copies as they are now, by name; none is opened."""

    def keep(  # noqa: PLR0913 - by name
        self,
        good: Collection[Version],
        in_use: InUse,
        *,
        since: float,
        complete: bool,
        seconds: float = BUDGET_SECONDS,
        shard: Shard = WHOLE,
    ) -> dict[str, str]:
        """
        Keep copies of good configs, each the only one for its DAG id, and remove those of configs that were removed.
        Never fails.

        Copies that are newer than the list of configs stay, since their configs may be missing from the list.

        :param in_use: the copies of other configs
        :param since: when the configs were listed, in seconds since the epoch
        :param complete: whether all configs of the shard were listed, so that a missing one was removed
        :param seconds: for how long copies are written
        :param shard: to which the configs belong
        :return: the name of each copy in place, for `has`, by DAG id; empty where copies can't be written
        """

    def has(self, name: str) -> bool:
        """Return whether the copy that `keep` named is in place; for an empty name, whether none can be written."""

    def replace(self, version: Version, document: Document) -> None:
        """
        Replace the document of a copy, such as by the same one with its secrets encrypted again; it is then the only
        copy for its DAG id.

        :raises OSError: where it can't be written; the copy is then still there
        """

    def forget(self, dag_id: str) -> None:
        """Remove the copies for a DAG id, as far as that is possible; the next load removes what is left."""
