"""Python imports this in each process that a test starts, since `tests/conftest.py` puts its folder on PYTHONPATH."""

import gc

# tests/conftest.py says why.
gc.set_threshold(20_000)
