"""Run time: from a pipeline's document to a workflow of openmetadata-ingestion, its run and its state."""
