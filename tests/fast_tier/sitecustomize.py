"""Python imports this in each child of a test of the fast tier, where its folder is on PYTHONPATH."""

import no_ingestion

no_ingestion.install()
