"""
The parent's end of a child process in which ingestion code runs.

Runs in a worker, and in the API server for automations. It may import the rooms below `reporting`.
"""
