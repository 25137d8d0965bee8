"""Tags of our DAGs that code goes by. It imports nothing, since the API server needs them too."""

from __future__ import annotations

TAG = "OpenMetadata"
"""Each of our DAGs has it."""
PROBLEM_TAG = "config-error"
"""A DAG has it whose config is broken."""
