"""The page's files: a browser keeps them for as long as they are those of the package that runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_factory.api_server.page import files
from tests.api_server.page.conftest import Ask
from tests.api_server.page.fake_airflow import FakeAirflow
from tests.places import ROOT

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

STATIC = ROOT / "dag_factory" / "api_server" / "page" / "static"


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
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
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
def changeable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the files, which are served in their place."""
    copy = shutil.copytree(STATIC, tmp_path / "static")
    monkeypatch.setattr(files, "_FOLDER", copy)
    files._served.cache_clear()
    yield copy
    files._served.cache_clear()


def test_another_content_or_name_is_another_version(changeable: Path, ask: Ask) -> None:
    def version() -> str:
        files._served.cache_clear()
        (found,) = {address.split("/")[1] for address in loaded_by(ask(FakeAirflow(), "/").text)}
        return found

    versions = [version(), version()]
    (changeable / "row.js").write_bytes((changeable / "row.js").read_bytes() + b"\n")
    versions.append(version())
    (changeable / "row.js").rename(changeable / "rows.js")
    versions.append(version())
    assert len(set(versions)) == 3
    assert versions[0] == versions[1]


def test_files_of_an_upgrade_are_not_served_by_the_code_from_before(changeable: Path, ask: Ask) -> None:
    page = ask(FakeAirflow(), "/").text
    (address,) = (each for each in loaded_by(page) if each.endswith("page.js"))
    (changeable / "page.js").write_text("// of the next version")
    shutil.move(changeable / "page.css", changeable / "gone.css")
    assert ask(FakeAirflow(), "/").text == page
    assert ask(FakeAirflow(), f"/{address}").content == (STATIC / "page.js").read_bytes()
    assert ask(FakeAirflow(), f"/{address}".replace("page.js", "page.css")).status_code == 200
