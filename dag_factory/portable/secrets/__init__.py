"""
What is secret in a document, and how it is kept so: references, sealing, redaction, and the masking of logs.

Runs in every process, an interpreter without Airflow included. It imports `plain_text` and the exceptions.
"""
