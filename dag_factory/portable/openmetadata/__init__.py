"""
OpenMetadata's contract in code: names, pipeline types and their source configs, ids of runs, and the rule of outcomes.

Runs in every process, an interpreter without Airflow included. It imports `secrets`, `plain_text` and the exceptions.
"""
