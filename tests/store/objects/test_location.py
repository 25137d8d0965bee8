from pathlib import Path

import pytest

from dag_factory.errors import SettingsError
from dag_factory.store import memory_of, open_store
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.objects.location import Location, is_url, located


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", Location("s3", None, "bucket")),
        ("s3://mine@bucket/some/prefix/", Location("s3", "mine", "bucket/some/prefix")),
        ("GS://bucket/x", Location("gs", None, "bucket/x")),
        ("abfs://my-conn.2@container/x y", Location("abfs", "my-conn.2", "container/x y")),
    ],
)
def test_a_url_names_protocol_connection_and_path(url: str, location: Location) -> None:
    assert is_url(url)
    assert located(url) == location


def test_a_location_is_shown_without_its_connection() -> None:
    assert str(located("s3://mine@bucket/x")) == "s3://bucket/x"
    assert located("s3://mine@bucket/x").bucket == "bucket"


SECRET = "wJalrXUtnFEMIcanary"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://AKIA:{SECRET}@bucket/x", f"s3://bucket/x?secret={SECRET}", f"s3://bucket/x#{SECRET}", f"s3:///{SECRET}",
        f"s3://bucket/{SECRET}/../x", f"s3://bucket/{SECRET}//x", f"s3://bucket/./{SECRET}", f"s3://[{SECRET}",
    ],
)  # fmt: skip
def test_a_url_with_anything_else_in_it_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="s3://conn_id@bucket/prefix") as caught:
        open_store(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["file://", "local://", "FILE://"])
def test_a_url_of_the_file_system_is_a_folder(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    store = open_store(f"{scheme}{tmp_path}")
    assert isinstance(store, FolderStore)
    assert store.list_keys() == ["a.json"]
    assert memory_of(f"{scheme}{tmp_path}").path == memory_of(str(tmp_path)).path


def test_a_store_is_the_same_whichever_connection_leads_to_it() -> None:
    assert memory_of("s3://one@bucket/x/").path == memory_of("s3://bucket/x").path != memory_of("s3://bucket/y").path


@pytest.mark.parametrize("path", ["/srv/configs", "configs", "~/x", "./s3:/x", "C:/x"])
def test_a_path_is_no_url(path: str) -> None:
    assert not is_url(path)
