from tests.api_server.sync.conftest import server, store  # noqa: F401 - fixtures
