"""A server whose pipelines are here in part."""

from tests.api_server.sync.lost import world

__all__ = ["world"]
