"""
What is imported with Python alone: OpenMetadata's contract, secrets, and the run of a workflow.

Runs in every process, and in a child whose interpreter has openmetadata-ingestion but neither Airflow nor this
package's dependencies. So a module here imports, at its head, only the standard library, this room and the exceptions.
What needs Airflow, cryptography or openmetadata-ingestion imports it when called, where it is installed.
"""
