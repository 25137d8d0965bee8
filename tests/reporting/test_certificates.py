"""The certificates that a config's connection names: read in time, from files alone, and once."""

from __future__ import annotations

import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import ServerError
from dag_factory.reporting.certificates import LONGEST_FILE, MOST_ENTRIES, verify
from dag_factory.reporting.server_client import ServerClient
from sandbox.failing import Authority


def connection(authority: object) -> dict[str, Any]:
    return {
        "hostPort": "https://om.example/api",
        "verifySSL": "validate",
        "sslConfig": {"caCertificate": authority},
    }


def trusted(authority: object) -> int:
    context = verify(connection(authority))
    assert isinstance(context, ssl.SSLContext)
    return len(context.get_ca_certs())


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "authority").mkdir()
    return Authority(tmp_path / "authority").path


def test_they_may_be_a_text_a_file_or_a_folder_of_files(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "nested").mkdir(parents=True)
    (folder / "README").write_text("none here")
    (folder / "ours.pem").write_bytes(ours.read_bytes())
    os.mkfifo(folder / "5a1b2c3d.0")
    assert trusted(str(ours)) == trusted(ours.read_text()) == trusted(str(folder)) == 1


def test_a_bundle_is_read_whole() -> None:
    import certifi

    assert trusted(certifi.where()) == len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs()) > 100
    assert Path(certifi.where()).stat().st_size < LONGEST_FILE / 4


@pytest.mark.parametrize("mode", ["pipe", "terminal", "device"])
def test_what_would_block_for_ever_is_refused_at_once(tmp_path: Path, mode: str) -> None:
    paths = {"pipe": tmp_path / "pipe", "terminal": Path("/dev/ptmx"), "device": Path("/dev/zero")}
    os.mkfifo(paths["pipe"])
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(ServerError) as error:
            ServerClient(connection(str(paths[mode])), token="the-token", seconds=1)
        refused.append(str(error.value))

    # A daemon, since a test could not end what blocks either.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20)
    assert refused == [
        "openMetadataServerConnection can't be used: ValueError. Check its token, extraHeaders and sslConfig"
    ]


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_without_a_certificate_trusts_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "authority.pem").write_text(content)
    for authority in (tmp_path / "authority.pem", tmp_path):
        with pytest.raises((ValueError, OSError)):
            verify(connection(str(authority)))
    for wrong in (str(tmp_path / "missing.pem"), {"a": 1}, 5):
        with pytest.raises((ValueError, OSError)):
            verify(connection(wrong))


def test_a_folder_is_read_within_a_limit_whatever_its_links_lead_to(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ours.pem").write_bytes(ours.read_bytes())
    large = tmp_path / "large"
    large.write_bytes(ours.read_bytes().ljust(LONGEST_FILE // 3))
    for number in range(2):
        (folder / f"{number}.pem").symlink_to(large)
    assert trusted(str(folder)) == 1
    (folder / "2.pem").symlink_to(large)
    with pytest.raises(ValueError, match=f"more than {LONGEST_FILE} bytes"):
        verify(connection(str(folder)))
    large.write_bytes(ours.read_bytes().ljust(LONGEST_FILE + 1))
    with pytest.raises(ValueError, match=f"more than {LONGEST_FILE} bytes"):
        verify(connection(str(large)))


def test_a_folder_of_too_many_entries_is_not_read(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ours.pem").write_bytes(ours.read_bytes())
    for number in range(MOST_ENTRIES - 1):
        (folder / str(number)).touch()
    assert trusted(str(folder)) == 1
    (folder / "one more").touch()
    with pytest.raises(ValueError, match=f"more than {MOST_ENTRIES} entries"):
        verify(connection(str(folder)))


def test_the_text_of_certificates_is_not_kept(ours: Path) -> None:
    text = ours.read_text()
    before = sys.getrefcount(text)
    assert verify(connection(text)) is verify(connection(text))
    assert sys.getrefcount(text) == before


def test_a_comment_in_any_language_may_stand_beside_a_certificate(tmp_path: Path, ours: Path) -> None:
    (tmp_path / "ours.pem").write_text(f"# Prüfstelle\n{ours.read_text()}", encoding="utf-8")
    assert trusted(str(tmp_path / "ours.pem")) == 1


def test_a_context_is_made_once_and_again_when_the_file_changes(tmp_path: Path, ours: Path) -> None:
    assert verify({}) is verify({"verifySSL": "no-ssl"})
    first = verify(connection(str(ours)))
    assert verify(connection(str(ours))) is first is not verify({})
    (tmp_path / "another").mkdir()
    ours.write_bytes(Authority(tmp_path / "another").path.read_bytes())
    assert verify(connection(str(ours))) is not first
