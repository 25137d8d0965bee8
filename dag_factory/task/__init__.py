"""
The task of a pipeline: its operator, its execution, its links.

Runs in a worker, which imports the operator by the name that Airflow has stored. It may import the rooms below `dag`.
"""
