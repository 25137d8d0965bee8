"""
What a config says: its document, the pipeline in it, its defaults, its schedule, and what is wrong with it.

Runs in every process; `timetables` also while Airflow's scheduler plans runs. It imports `openmetadata` and `secrets`.
It reads no store and builds no DAG.
"""
