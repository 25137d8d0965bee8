"""OpenMetadata ingestion on Apache Airflow: every stored pipeline becomes a DAG, in memory, at parse time."""

__version__ = "0.1.0"
