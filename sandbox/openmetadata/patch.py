"""JSON Patch (RFC 6902), the six operations on a document."""

from copy import deepcopy
from typing import Any

from sandbox.openmetadata.errors import ApiError


def apply(document: Any, operations: list[dict[str, Any]]) -> Any:
    """Return a patched copy of a document; raise ApiError where an operation can't be applied."""
    patched = {"": deepcopy(document)}
    for operation in operations:
        try:
            perform(patched, operation)
        except (KeyError, IndexError, TypeError, ValueError):
            name, path = operation.get("op"), operation.get("path")
            raise ApiError(400, f"The patch can't {name} {path}: the entity has no such place") from None
    return patched[""]


def perform(root: dict[str, Any], operation: dict[str, Any]) -> None:
    name, path = operation["op"], operation["path"]
    if name == "test":
        if resolve(root, path) != operation["value"]:
            raise ValueError(path)
    elif name == "remove":
        take(root, path)
    elif name == "replace":
        take(root, path)
        insert(root, path, operation["value"])
    elif name == "add":
        insert(root, path, operation["value"])
    elif name == "move":
        insert(root, path, take(root, operation["from"]))
    elif name == "copy":
        insert(root, path, deepcopy(resolve(root, operation["from"])))
    else:
        raise ValueError(name)


def steps(path: str) -> list[str]:
    # The root itself is the first step: an empty path names the whole document.
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]


def resolve(root: Any, path: str) -> Any:
    return walk(root, steps(path))


def walk(place: Any, way: list[str]) -> Any:
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    return place


def take(root: Any, path: str) -> Any:
    *way, last = steps(path)
    place = walk(root, way)
    return place.pop(int(last) if isinstance(place, list) else last)


def insert(root: Any, path: str, value: Any) -> None:
    *way, last = steps(path)
    place = walk(root, way)
    if not isinstance(place, list):
        place[last] = value
    elif last == "-":
        place.append(value)
    elif int(last) <= len(place):
        place.insert(int(last), value)
    else:
        raise IndexError(last)
