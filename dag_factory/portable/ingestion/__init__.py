"""
The run of a pipeline by openmetadata-ingestion, from its document to its outcome.

Runs where openmetadata-ingestion is installed: in a worker, or in a child whose interpreter need not have Airflow.
Scheduler and API server use what reports the status of a run. It may import the other rooms of `portable`, and
imports openmetadata-ingestion only when a workflow is to run.
"""
