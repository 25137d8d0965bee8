"""
What a config says: its document, the pipeline in it, its defaults, its schedule, and what is wrong with it.

Runs in every process of Airflow, and in commands. Airflow itself imports `timetables`, by the names that it has stored.
It may import `portable`, but not its `ingestion`, and `settings`. It reads no store and builds no DAG.
"""
