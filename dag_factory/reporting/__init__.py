"""
Reports the outcome of a run to OpenMetadata, from the process that first knows it, and sends metrics by Airflow.

Runs in the scheduler and the API server when a run has ended, and in a worker when its task does. The DAG processor
sends metrics by it, and commands ask OpenMetadata servers. It may import the rooms below `task`.
"""
