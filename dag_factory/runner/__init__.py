"""Where ingestion code runs: in the task's process, or in a child of an interpreter of another environment."""
