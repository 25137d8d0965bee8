"""Tags of our DAGs that code relies on. It imports nothing, since the API server needs them too."""

from __future__ import annotations

TAG = "OpenMetadata"
"""Each of our DAGs has it."""
PROBLEM_TAG = "config-error"
"""On DAGs with a broken config."""
LAST_GOOD_TAG = "last-good"
"""Also on DAGs that run the last good version of a broken config."""
WARNING_TAG = "config-warning"
"""On DAGs with a good but doubtful config."""
TYPE_PREFIX = "type:"
"""Precedes a pipeline's type in a tag."""
SERVICE_PREFIX = "service:"
"""Precedes the name of a pipeline's service in a tag."""
