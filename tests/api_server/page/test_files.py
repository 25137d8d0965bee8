"""The page's files: a browser keeps them for as long as they are those of the package that runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dag_factory.api_server.page.files import STATIC, PageFiles
from tests.api_server.page.conftest import Ask
from tests.api_server.page.fake_airflow import FakeAirflow

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


def loaded_by(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


@pytest.mark.parametrize("cookie", ["_token=right", ""], ids=["page", "login"])
def test_whatever_a_page_loads_is_kept_by_the_browser(cookie: str, ask: Ask) -> None:
    page = ask(FakeAirflow(), "/", headers={"Cookie": cookie})
    assert page.headers["cache-control"] == "no-cache"
    addresses = loaded_by(page.text)
    assert len(addresses) == 3
    for address in addresses:
        answer = ask(FakeAirflow(), f"/{address}", headers={"Cookie": ""})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.content == (STATIC / Path(address).name).read_bytes()
        # A module loads others from beside itself, so with the same version.
        assert "static/" not in answer.text


@pytest.mark.parametrize(
    ("name", "kind"), [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
def test_a_file_without_a_version_or_of_another_one_is_asked_for_again(name: str, kind: str, ask: Ask) -> None:
    for address in (f"/static/{name}", f"/static/0123456789abcdef/{name}"):
        answer = ask(FakeAirflow(), address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert answer.content == (STATIC / name).read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the files."""
    return shutil.copytree(STATIC, tmp_path / "static")


def test_another_content_or_name_is_another_version(folder: Path) -> None:
    assert PageFiles(folder).version == PageFiles().version
    (folder / "row.js").write_bytes((folder / "row.js").read_bytes() + b"\n")
    changed = PageFiles(folder).version
    (folder / "row.js").rename(folder / "rows.js")
    assert len({PageFiles().version, changed, PageFiles(folder).version}) == 3


def test_files_of_an_upgrade_are_not_served_by_the_code_from_before(folder: Path) -> None:
    files = PageFiles(folder)
    (folder / "page.js").write_text("// of the next version")
    (folder / "page.css").unlink()
    for name in ("page.js", "page.css"):
        assert files.answer(name, version=files.version).body == (STATIC / name).read_bytes()
