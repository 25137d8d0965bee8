"""
What a config says: its document, the pipeline in it, its defaults, its schedule, and what is wrong with it.

Runs in every process; `timetables` also while Airflow's scheduler plans runs. It imports `openmetadata` and `secrets`,
and neither reads a store nor builds a DAG.
"""
