"""Python imports this in each child of a test of the fast tier, where its folder is on PYTHONPATH."""

import gc

import no_ingestion

no_ingestion.install()
# As `tests/fewer_collections/sitecustomize.py`, in whose place Python imports this one.
gc.set_threshold(20_000)
