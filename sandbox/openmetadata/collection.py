"""One kind of entity that the server knows: its path, its models, and how an entity is completed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.openmetadata.completions import as_it_is

Document = dict[str, Any]

RELATIONS = frozenset({"owners", "tags", "domains", "dataProducts", "followers", "votes", "extension", "certification"})
"""Fields that the real server keeps as relations, and answers only where ``?fields=`` asks for them."""


@dataclass(frozen=True)
class Collection:
    """One kind of entity, and how an entity is made from the request that creates it."""

    path: str
    """Where it is served, below /api/v1."""
    kind: str
    """The ``type`` in references to one of its entities."""
    entity: str
    """The model of an entity, below metadata.generated.schema."""
    create: str | None = None
    """The model of the request that creates one; None where clients can't create any."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Fields of the request that name another entity, and its kind; the first one present is the parent."""
    inherits: tuple[str, ...] = ()
    """Fields that an entity has from its parent."""
    on_request: frozenset[str] = RELATIONS
    """Fields that are answered only where ``?fields=`` asks for them."""
    untold: frozenset[str] = frozenset()
    """Fields that the server keeps of every entity, and that this kind does not have."""
    parts: frozenset[str] = frozenset()
    """Fields that are written by a PUT of their own: /{id}/{part}."""
    name: Callable[[Document], None] = as_it_is
    """Fills in, on creation, what the fully qualified name or a reference is made from."""
    complete: Callable[[Document], None] = as_it_is
    """Fills in what the request leaves to the server."""

    def told(self, document: Document) -> Document:
        """Return an entity as the server answers it."""
        return {field: value for field, value in document.items() if field not in self.untold}
