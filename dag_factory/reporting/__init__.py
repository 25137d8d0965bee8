"""The outcome of a run, reported to OpenMetadata where its own workflow can't."""
