"""
Writes configs from the server's documents, without the server's help: through the same check and writer as a deploy.

The API lists pipelines without the connection to the server, so the Connection ``openmetadata_conn_id`` has to supply
server and token when a pipeline runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set

from dag_factory.api_server.sync.comparison import holds_masks
from dag_factory.api_server.sync.difference import Differing
from dag_factory.api_server.sync.redeploy import Redeployed
from dag_factory.api_server.sync.server_pipelines import Listing, ServerPipeline
from dag_factory.configs.allowed import SERVER, connections_in
from dag_factory.configs.document import Document, check_values
from dag_factory.errors import ConfigError, StoreLockedError
from dag_factory.store import ConfigStore, writer

# What the server counts and notes about a pipeline, which a deploy does not send either.
_NOT_DEPLOYED = frozenset({SERVER, "changeDescription", "incrementalChangeDescription", "pipelineStatuses"})


def write_configs(
    store: ConfigStore, listing: Listing, wanted: Collection[Differing], *, taken: Set[str] = frozenset()
) -> Iterator[Redeployed]:
    """
    Write the configs of pipelines, and yield each as it is done. A single failure stops no other.

    The caller asks for the parse.

    :param taken: ids of Airflow's other DAGs; a new pipeline with one of them is refused
    :raises ServerError: where the server refuses or does not answer
    :raises StoreError: where the store can't be written
    """
    left = {each.id: each for each in wanted}
    for pipeline in listing:
        differing = left.pop(pipeline.id, None)
        if differing is None:
            continue
        if (problem := problem_of_id(differing, taken)) is not None:
            yield Redeployed(differing, problem)
            continue
        try:
            _write(store, pipeline)
        except (ConfigError, StoreLockedError) as error:
            yield Redeployed(differing, str(error))
        else:
            yield Redeployed(differing)
    yield from (Redeployed(each, is_gone=True) for each in left.values())


def problem_of_id(differing: Differing, taken: Set[str]) -> str | None:
    """Return why a pipeline gets no config here, where it has none and its DAG id is one of those that are taken."""
    if differing.key is not None or differing.dag_id not in taken:
        return None
    # As for a deploy: whichever file is parsed last would win.
    return (
        f"its name gives the DAG id '{differing.dag_id}', and this Airflow has a DAG of that id that is not a "
        "pipeline's. Add the pipeline under another name in OpenMetadata, and delete this one"
    )


def _write(store: ConfigStore, pipeline: ServerPipeline) -> None:
    """
    Write the config of one pipeline.

    :raises ConfigError: where the document can't be written as it is, or has errors
    :raises StoreError: where it can't be stored
    """
    document: Document = {name: value for name, value in pipeline.document.items() if name not in _NOT_DEPLOYED}
    document["deployed"] = True
    if pipeline.is_hidden:
        raise ConfigError(
            "is hidden by the server, since the Connection's user may not see it. Give the user the permission to view "
            "ingestion pipelines, or have the server deploy it, without --write",
            field="sourceConfig.config",
        )
    if holds_masks(document):
        raise ConfigError(
            "has secrets that the server shows as asterisks only. Have the server deploy it, without --write, or use "
            "the token of a bot"
        )
    if conn_ids := connections_in(document):
        # A deploy checks that its caller may read them; here, no caller is known.
        raise ConfigError(
            f"refers to the Connection '{conn_ids[0]}', and only a deploy checks who may use it. Have the server "
            "deploy it, without --write"
        )
    check_values(document)
    writer.deploy(store, writer.checked(document))
