"""Prints which openmetadata-ingestion the interpreter has that runs this file, as it would run a pipeline."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

MISSING = "missing"

if __name__ == "__main__":
    try:
        print(version("openmetadata-ingestion"))
    except PackageNotFoundError:
        print(MISSING)
    sys.exit(0)
