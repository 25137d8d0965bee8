"""
Reports the outcome of a run to OpenMetadata, from the process that first knows it, and sends metrics by Airflow.

Runs in the scheduler and the API server when a run has ended, and in a worker when its task does. It may import the
rooms below `task`.
"""
