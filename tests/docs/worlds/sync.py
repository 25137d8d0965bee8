"""A server whose pipelines are here in part."""

from tests.sync.lost import world

__all__ = ["world"]
