from collections.abc import Iterator

import pytest

from tests.object_storage import S3, served
from tests.store.any_store import folder, in_bucket, kind  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server of the S3 protocol; each test takes a bucket of its own."""
    with served(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server
