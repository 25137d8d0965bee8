"""
What needs Python alone: OpenMetadata's contract, secrets, and the run of a workflow of openmetadata-ingestion.

Runs in every process, and in a child whose interpreter has openmetadata-ingestion but neither Airflow nor this
package's dependencies. It imports the standard library and the exceptions.
"""
