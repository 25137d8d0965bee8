from tests.store.any_store import folder, in_bucket, kind  # noqa: F401 - fixtures
