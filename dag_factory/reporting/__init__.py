"""
The outcome of a run, reported to OpenMetadata by whoever knows it first.

Runs in the scheduler and the API server when a run has ended, and in a worker when its task does. It may import what
stands below `task`.
"""
