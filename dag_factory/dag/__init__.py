"""
From a config to its DAG, in memory.

Runs in the DAG processor at each parse, and in a worker for the one DAG of its task. It may import all but `watch` and
`api`. It uses no network but the store's own, where that is remote, and no ingestion code.
"""
