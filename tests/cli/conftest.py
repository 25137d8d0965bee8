from tests.sync.conftest import server, store  # noqa: F401 - fixtures
