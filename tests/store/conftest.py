from tests.store.any_store import abfs, any_bucket, connect, folder, gs, in_bucket, kind  # noqa: F401 - fixtures
