"""
Builds an environment for openmetadata-ingestion alone, whose interpreter runs pipelines beside Airflow's own.

Runs in the command `ingestion-env`.
"""
