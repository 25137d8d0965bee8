"""Addresses of pages in OpenMetadata's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from dag_factory.portable.openmetadata.fqn import quoted
from dag_factory.portable.openmetadata.source_configs import in_server_spelling

if TYPE_CHECKING:
    from dag_factory.configs.pipeline import IngestionPipeline


# All browsers and servers accept paths of this length. OpenMetadata's names are much shorter.
_MAX_PATH = 2_000


def ui_address(host_port: object, configured: str | None = None) -> str | None:
    """
    Return the UI's address for all links; None where no plain URL is known.

    :param host_port: the API's address, whose path is left out. A reference to it is not resolved
    :param configured: the operator's setting ``openmetadata_url``, which takes precedence. It may have a path
    """
    if (url := _plain(configured)) is not None:
        return f"{_origin(url)}{quote(url.path.rstrip('/'), safe='/%')}"
    return _origin(url) if (url := _plain(host_port)) is not None else None


def _plain(address: object) -> SplitResult | None:
    """Return an address as its parts, None where it is not a URL of http or https without a login."""
    if not isinstance(address, str) or len(address) > _MAX_PATH:
        return None
    try:
        url = urlsplit(address)
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.password:
        return None
    return url


def _origin(url: SplitResult) -> str:
    # Quoted, so that no part of it can end a Markdown link.
    return f"{url.scheme}://{quote(url.netloc, safe=':[]')}"


def service_path(pipeline: IngestionPipeline) -> str | None:
    """Return the path of the page of a pipeline's service, None where it has no page."""
    service, kind = pipeline.service, _kind(pipeline)
    if service is None or not kind.endswith("Services"):
        return None
    fqn = service.fully_qualified_name or quoted(service.name or "")
    return _usable(f"/service/{quote(kind, safe='')}/{quote(fqn, safe='')}")


def pipeline_path(pipeline: IngestionPipeline) -> str | None:
    """Return the path of a pipeline's page, which shows its runs and their logs."""
    kind = _kind(pipeline)
    if not kind:
        return None
    return _usable(f"/{quote(kind, safe='')}/{quote(pipeline.fqn, safe='')}/logs")


def _kind(pipeline: IngestionPipeline) -> str:
    """Return the UI's name for the kind of a pipeline's service, such as ``mlmodelServices``."""
    kind = in_server_spelling((pipeline.service and pipeline.service.type) or "")
    return f"{kind}s" if kind.endswith("Service") else kind


def _usable(path: str) -> str | None:
    return path if len(path) <= _MAX_PATH else None
