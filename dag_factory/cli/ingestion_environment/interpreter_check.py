"""
Says whether the interpreter that runs this file can run pipelines: it imports what each run imports.

It prints a JSON object: the ``version`` of openmetadata-ingestion, the ``extras`` that this has, and the ``python``'s
own version. Where the import fails, the exception says why.
"""

from __future__ import annotations

import json
import platform
from importlib import import_module
from importlib.metadata import metadata

DISTRIBUTION = "openmetadata-ingestion"

if __name__ == "__main__":
    import_module("metadata.workflow.metadata")
    found = metadata(DISTRIBUTION)
    said = {
        "version": found["Version"],
        "extras": found.get_all("Provides-Extra") or [],
        "python": platform.python_version(),
    }
    # What is imported may have printed something, too.
    print(f"\n{json.dumps(said)}")
