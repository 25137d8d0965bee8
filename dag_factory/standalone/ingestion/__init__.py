"""
The run of a pipeline by openmetadata-ingestion, from its document to its outcome.

Runs where openmetadata-ingestion is installed: in a worker, or in a child whose interpreter need not have Airflow. So
it imports the standard library, `openmetadata`, `secrets`, and what else of this package needs no more than that.
"""
