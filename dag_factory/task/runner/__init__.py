"""
The parent's end of a child process in which ingestion code runs, and which version of it an interpreter has.

Runs in a worker; where workers are forked, for `templates`; in the API server for automations and its health; and in
commands. It may import the rooms below `reporting`, and nothing else of `task`.
"""
