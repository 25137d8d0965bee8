"""Fully qualified names: the names from the service down, joined by dots, each quoted if it holds a dot itself."""

import re
from typing import Annotated
from urllib.parse import unquote

from pydantic import BeforeValidator

PART = re.compile(r'"[^"]*"|[^."]+')

Segment = Annotated[str, BeforeValidator(unquote)]
"""A part of the request's path. The app routes by the encoded path, so that a name may hold a slash."""


def quoted(name: str) -> str:
    """Return a name as a part of a fully qualified name."""
    return f'"{name}"' if "." in name and not name.startswith('"') else name


def join(*parts: str) -> str:
    """Return a fully qualified name, made of one, which may be empty, and plain names below it."""
    above, *names = parts
    return ".".join(filter(None, [above, *map(quoted, names)]))


def split(fqn: str) -> list[str]:
    """Return the plain names in a fully qualified name."""
    return [part.strip('"') for part in PART.findall(fqn)]
