"""A parse that is still to be requested: for which DAG ids, and how."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Protocol

from dag_factory.api_server.watch.loader_files import DagIds
from dag_factory.store.shards import Shard


class ParseRequest(Protocol):
    """Asks Airflow once for a parse of the loader files that a change concerns. Airflow may drop the request."""

    def __call__(self, dag_ids: DagIds, without: Collection[Shard] = (), /) -> Awaitable[None]:
        """
        Ask once.

        :param without: shards whose loads have seen the change. Their files are left out: Airflow puts what is
            requested before all that it has not parsed yet
        """


@dataclass(frozen=True)
class WantedParse:
    """
    A parse that is still to be requested.

    :param request: asks for it
    :param dag_ids: what has changed, as far as that is known
    :param are_more: whether it must be found out what else has changed
    :param is_change: whether something has changed, rather than that it may not have been parsed yet
    :param even_if_seen: ask even if the marker is seen
    """

    request: ParseRequest
    dag_ids: frozenset[str]
    are_more: bool
    is_change: bool
    even_if_seen: bool

    @classmethod
    def of(
        cls, request: ParseRequest, dag_ids: DagIds, *, is_change: bool = False, even_if_seen: bool = False
    ) -> WantedParse:
        """Return the wanted parse of these DAG ids; None means all that has changed."""
        return cls(request, frozenset(dag_ids or ()), dag_ids is None, is_change, even_if_seen)

    def with_earlier(self, earlier: WantedParse | None) -> WantedParse:
        """Return this request and an earlier one as one."""
        if earlier is None:
            return self
        return WantedParse(
            self.request,
            self.dag_ids | earlier.dag_ids,
            self.are_more or earlier.are_more,
            self.is_change or earlier.is_change,
            self.even_if_seen or earlier.even_if_seen,
        )


def union(one: DagIds, other: DagIds) -> frozenset[str] | None:
    """Return what two changes concern together."""
    return None if one is None or other is None else frozenset(one) | frozenset(other)
