"""What the docs of a pipeline's DAG (`dag_factory.dag.docs`) say that Airflow's lists do not."""

from __future__ import annotations

import json
import re

from dag_factory.api_server.page.rows import Row

# Lines of the docs. What an author has written begins with another character there.
_SERVICE_TYPE = re.compile(r"^\| Service type \| (\w+) \|$", re.MULTILINE)
_SERVICE_LINK = re.compile(r"^\[Open the service in OpenMetadata\]\((https?://[^()\s]+)\)$", re.MULTILINE)


def with_docs(found: Row, docs: str) -> Row:
    """
    Return a row with the type of the service, and its page in OpenMetadata, as far as its DAG's docs name them.

    What they do not name stays as it is.
    """
    kind, link = _SERVICE_TYPE.search(docs), _SERVICE_LINK.search(docs)
    service = found["service"]
    if kind is not None and service is not None:
        service = {**service, "type": kind[1]}
    links = found["links"] if link is None else {**found["links"], "openmetadata": link[1]}
    return {**found, "service": service, "links": links}


def docs_of(plan: str) -> str:
    """Return the docs of a DAG from its plan (`dag_factory.dag.plan`), empty where it can't be read."""
    try:
        docs = json.loads(plan)["docs"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return docs if isinstance(docs, str) else ""
