"""
The HTTP API that an OpenMetadata server calls: it persists configs and asks Airflow for all else.

Runs in the API server, which mounts it. It may import everything, but builds no DAG and imports no ingestion code.
"""
