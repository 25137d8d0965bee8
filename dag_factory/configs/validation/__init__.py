"""
Whether a config is valid: all that can be checked in a document without the network and without secrets.

``validator.validate`` is the one place that answers, for all callers: a deploy, the watcher, the loader, the task. It
builds no DAG. What it accepts can be built, and can start to run.
"""
