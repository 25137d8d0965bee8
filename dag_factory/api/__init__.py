"""The HTTP API that an OpenMetadata server calls: it persists configs and asks Airflow for all else."""
