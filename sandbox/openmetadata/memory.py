"""What the server has received, kept in a file from one start to the next."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.files import write_whole
from sandbox.openmetadata.lineage import Edges
from sandbox.openmetadata.store import Store


def remember(path: Path, store: Store, edges: Edges) -> None:
    """Write all entities and all lineage into a file, readable by its owner alone."""
    kept: dict[str, Any] = {"records": store.dump(), "edges": [[*ends, edge] for ends, edge in edges.items()]}
    write_whole(path, json.dumps(kept))


def recall(path: Path, store: Store, edges: Edges) -> None:
    """Add what a file keeps. A missing file keeps nothing, and neither does one of another version of this server."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        known = {(from_, to): edge for from_, to, edge in kept["edges"]}
        store.load(kept["records"])
        edges.update(known)
