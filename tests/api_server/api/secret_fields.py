"""
Prints the path of every field of a pipeline that openmetadata-ingestion's own models type as a secret, as JSON.

For another process, since its imports are large and warn. It knows nothing of dag_factory, so that what is a secret is
not decided twice by the same list.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from metadata.generated.schema.entity.applications import configuration
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import IngestionPipeline
from pydantic import BaseModel, RootModel, SecretStr

Path = tuple[str | int, ...]

# The models say "any application" there.
APPLICATION = ("sourceConfig", "config", "appPrivateConfig")


def secret_fields(kind: Any, path: Path = (), within: tuple[type, ...] = ()) -> Iterator[Path]:
    """Yield the paths of all secrets within a type; a list has one entry, a mapping one key."""
    if isinstance(kind, type) and issubclass(kind, SecretStr):
        yield path
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind not in within:
            for name, field in kind.model_fields.items():
                step = () if issubclass(kind, RootModel) else (field.alias or name,)
                yield from secret_fields(field.annotation, (*path, *step), (*within, kind))
    else:
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            inner = inner[:1]
        elif origin is dict:
            inner, path = inner[1:], (*path, "any")
        elif origin is list:
            path = (*path, 0)
        for each in inner:
            yield from secret_fields(each, path, within)


def applications() -> Iterator[type[BaseModel]]:
    """Yield the models of all applications' configs."""
    for module in pkgutil.walk_packages(configuration.__path__, f"{configuration.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.name:
                yield value


if __name__ == "__main__":
    found = [*secret_fields(IngestionPipeline)]
    for model in applications():
        found += secret_fields(model, APPLICATION)
    print(json.dumps(sorted({".".join(map(str, path)): path for path in found}.values(), key=str)))
