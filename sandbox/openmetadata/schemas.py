"""
openmetadata-ingestion's own models, to check that a real server would accept the requests and answer the entities.

Where openmetadata-ingestion isn't installed, nothing is checked.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.openmetadata.errors import ApiError

ROOT = "metadata.generated.schema"
VERSION_WITHOUT_INGESTION = "2.0.6"


# The one that it says, where that is not the models' own.
said_version: str | None = None


def server_version() -> str:
    """Return the version that the server answers: openmetadata-ingestion accepts only its own minor version."""
    if said_version is not None:
        return said_version
    try:
        return ".".join(version("openmetadata-ingestion").split(".")[:3])
    except PackageNotFoundError:
        return VERSION_WITHOUT_INGESTION


def skip_package_init() -> None:
    """
    Import ``metadata.generated`` without the ``metadata`` package's own ``__init__``, from now on.

    That file imports the profiler and every SQL dialect, which takes 5 s and 200 MB; the models need none of it. It
    is for a process that does nothing but serve: a workflow in the same process would miss what is skipped.
    """
    spec = find_spec("metadata")
    if spec is not None and "metadata" not in sys.modules:
        sys.modules["metadata"] = module_from_spec(spec)


@cache
def model(name: str) -> type[BaseModel] | None:
    """
    Return a model by its name below ``metadata.generated.schema``; None without openmetadata-ingestion.

    Models are imported when they are first needed: all of them together take a second.
    """
    if find_spec("metadata") is None:
        return None
    module, _, class_name = name.rpartition(".")
    found: type[BaseModel] = getattr(import_module(f"{ROOT}.{module}"), class_name)
    return found


def check(name: str, document: Any, status: int = 400) -> None:
    """Raise ApiError unless a document is what a model describes. The message names the fields, never their values."""
    schema = model(name)
    if schema is None:
        return
    try:
        schema.model_validate(document)
    except ValidationError as problem:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problem.errors())
        raise ApiError(status, f"Not a {schema.__name__}: {wrong}") from None


def check_fields(name: str, fields: set[str]) -> None:
    """Raise ApiError if one of the fields that a request asks for isn't a field of the entity."""
    schema = model(name)
    unknown = fields - set(schema.model_fields) - {"*"} if schema else set()
    if unknown:
        raise ApiError(400, f"Invalid field name {min(unknown)}")
