"""
What is secret in a document, and how it stays so: references, sealing, redaction, and the mask over what is logged.

Runs in every process, an interpreter without Airflow included. It imports the standard library and the root alone.
"""
