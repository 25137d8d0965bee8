"""Tags of our DAGs that code goes by. It imports nothing, since the API server needs them too."""

from __future__ import annotations

TAG = "OpenMetadata"
"""Each of our DAGs has it."""
PROBLEM_TAG = "config-error"
"""A DAG has it whose config is broken."""
LAST_GOOD_TAG = "last-good"
"""A DAG has it too that is the last good version of a broken config."""
WARNING_TAG = "config-warning"
"""A DAG has it whose config is good, but doubtful."""
TYPE_PREFIX = "type:"
"""Precedes a pipeline's type in a tag."""
SERVICE_PREFIX = "service:"
"""Precedes the name of a pipeline's service in a tag."""
