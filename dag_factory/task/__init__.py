"""
The task of a pipeline: its operator, its execution, its links; and the hook, which tests a Connection as a task does.

Runs in a worker, which gets the operator from the DAG that it builds; `warm_start` where workers are forked, which with
LocalExecutor is the scheduler; `hook` where a Connection is tested. The API server checks the conf of a run by
`run_conf`, and a command the server by `server_check`. It may import the rooms below `dag`.
"""
