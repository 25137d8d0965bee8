"""The ingestion pipelines of an OpenMetadata server, as its API lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

from dag_factory.api_server.sync.server_api import RefusedError, ServerApi
from dag_factory.configs.dag_ids import MAX_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.configs.document import Document
from dag_factory.configs.yaml_loader import MAX_DEPTH
from dag_factory.errors import ServerError

PATH = "/services/ingestionPipelines"
# Of a few kilobytes each. An answer of 16 MiB is the longest that is read.
PAGE = 100
# A server that pages without end must not fill the memory.
MOST_PIPELINES = 200_000


@dataclass(frozen=True)
class ServerPipeline:
    """
    A pipeline as the server lists it.

    :param service: the service's type and name
    :param updated_at: epoch milliseconds
    :param runner: what runs it, where that is not the server's Airflow
    :param is_deployed: whether the server believes it is deployed
    :param document: what the server answers: without the connection to the server, and with masks for secrets
    """

    id: str
    name: str
    fqn: str
    pipeline_type: str
    service: tuple[str, str]
    version: float | None
    updated_at: int | None
    runner: str | None
    is_deployed: bool
    document: Document = field(repr=False)

    @property
    def dag_id(self) -> str:
        return clean_dag_id(self.name)

    @property
    def is_hidden(self) -> bool:
        """Whether the server keeps back what the pipeline does, since the caller may not see it."""
        source = self.document.get("sourceConfig")
        return not isinstance(source, dict) or source.get("config") is None


@dataclass
class Listing:
    """
    All pipelines of a server that are not deleted, read page by page, each once.

    What is known once all are read: how many there were, and whether these are all.

    :param skipped: how many were left out since they can't be deployed: their service is deleted, they lack what a
        pipeline needs, or their document is nested too deeply
    :param skipped_ids: the ids of those, as far as they have one
    """

    api: ServerApi
    page: int = PAGE
    ids: set[str] = field(default_factory=set)
    skipped: int = 0
    skipped_ids: set[str] = field(default_factory=set)
    total: int = 0

    def __iter__(self) -> Iterator[ServerPipeline]:
        """
        Yield the pipelines, in the server's order.

        :raises ServerError: where the server refuses, does not answer, or pages without end
        """
        cursors: set[str] = set()
        parameters: dict[str, str | int] = {"limit": self.page, "fields": "owners"}
        while True:
            answer = self.api.get(PATH, parameters)
            paging = answer.get("paging") if isinstance(answer, dict) else None
            data = answer.get("data") if isinstance(answer, dict) else None
            if not isinstance(data, list) or not isinstance(paging, dict):
                raise ServerError(f"{self.api.host} does not answer with a list of pipelines. Is it OpenMetadata?")
            total = paging.get("total")
            self.total = total if isinstance(total, int) and not isinstance(total, bool) else self.total
            yield from self._new(data)
            after = paging.get("after")
            if not isinstance(after, str) or not after:
                return
            if after in cursors or len(self.ids) + self.skipped > MOST_PIPELINES:
                raise ServerError(f"{self.api.host} lists pipelines without end. Report this to its operator")
            cursors.add(after)
            parameters["after"] = after

    @property
    def is_complete(self) -> bool:
        """Whether all pipelines that the server counts were read: it may have changed meanwhile."""
        return len(self.ids) + self.skipped >= self.total

    def _new(self, data: list[Any]) -> Iterator[ServerPipeline]:
        """Yield the pipelines of a page that were on no earlier one: a renamed one may come twice."""
        for each in data:
            found = pipeline_of(each)
            if found is None:
                self.skipped += 1
                self.skipped_ids |= _id_of(each)
            elif found.id not in self.ids:
                self.ids.add(found.id)
                yield found


def pipeline_of(document: Any) -> ServerPipeline | None:
    """Return the pipeline that a document of the server describes, None where it can't be deployed."""
    if not isinstance(document, dict) or document.get("deleted") is True:
        return None
    id_, name, service = (document.get(field) for field in ("id", "name", "service"))
    if not isinstance(name, str) or not is_uuid(id_):
        return None
    # No deploy takes it, and to look through it would end the comparison of all others.
    if _is_deeper(document, MAX_DEPTH):
        return None
    if not names_a_dag(name) or len(clean_dag_id(name)) > MAX_DAG_ID:
        return None
    # The server refuses to deploy them, and an older one then leaves out all others of the same call.
    if not isinstance(service, dict) or service.get("deleted") is True:
        return None
    runner = document.get("ingestionRunner")
    version, updated_at = document.get("version"), document.get("updatedAt")
    return ServerPipeline(
        id=str(id_),
        name=name,
        fqn=text_of(document.get("fullyQualifiedName")),
        pipeline_type=text_of(document.get("pipelineType")),
        service=(text_of(service.get("type")), text_of(service.get("name"))),
        version=version if isinstance(version, (int, float)) else None,
        updated_at=updated_at if isinstance(updated_at, int) else None,
        runner=text_of(runner.get("name")) if isinstance(runner, dict) else None,
        is_deployed=document.get("deployed") is True,
        document=document,
    )


def is_gone(api: ServerApi, id_: str) -> bool:
    """
    Return whether the server says that a pipeline is deleted or unknown.

    :raises ServerError: where it refuses to say, or does not answer
    """
    try:
        found = api.get(f"{PATH}/{UUID(id_)}", {"include": "all"})
    except RefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return True
        raise
    return isinstance(found, dict) and found.get("id") == id_ and found.get("deleted") is True


def is_uuid(value: object) -> bool:
    """Return whether a value is the text of a UUID, as the server makes ids. It becomes part of a path."""
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def text_of(value: object) -> str:
    """Return a value that is a text, the empty text for any other."""
    return value if isinstance(value, str) else ""


def _id_of(document: Any) -> set[str]:
    """Return the id of a pipeline that the server has not deleted, nothing where it has none."""
    if not isinstance(document, dict) or document.get("deleted") is True or not is_uuid(document.get("id")):
        return set()
    return {str(document["id"])}


def _is_deeper(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(child, levels - 1) for child in children)
