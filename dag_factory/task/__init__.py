"""
The task of a pipeline: its operator, its execution, its links; and the hook, which tests a Connection as a task does.

Runs in a worker, which imports the operator by the name that Airflow has stored; `hook` where a Connection is tested,
in the API server or a worker. It may import the rooms below `dag`. `runner` starts the child
processes in which ingestion code may run, and also serves the API server.
"""
