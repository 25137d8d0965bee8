"""
The HTTP API that an OpenMetadata server calls: it persists configs and asks Airflow for all else.

Runs in the API server, which mounts it. It may import all but `cli`, `plugin` and `page`. It builds no DAG, and never
imports openmetadata-ingestion.
"""
