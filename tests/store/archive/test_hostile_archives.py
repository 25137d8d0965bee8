"""An archive that somebody has made to do harm is refused before anything is written."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_factory.configs.document import MAX_BYTES
from dag_factory.errors import ArchiveError
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import restore
from dag_factory.store.folder.folder_store import FolderStore

GOOD = b'{"name": "a"}'


def member(name: str, data: bytes = GOOD, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes], files: int | None = None) -> Path:
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
        manifest = json.dumps({"format": 1, "files": len(members) if files is None else files}).encode()
        tar.addfile(*_of(member("export.json", manifest)))
    return path


def _of(pair: tuple[tarfile.TarInfo, bytes]) -> tuple[tarfile.TarInfo, io.BytesIO]:
    return pair[0], io.BytesIO(pair[1])


def refused(root: Path, path: Path) -> str:
    store = root / "store"
    store.mkdir(exist_ok=True)
    before = sorted(root.rglob("*"))
    with pytest.raises(ArchiveError) as error:
        restore(FolderStore(store), Archive(path), Keys(""), overwrite=True, shown=lambda each, *_: each)
    assert sorted(root.rglob("*")) == before
    return str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "configs/../a.json", "configs/x/../../a.json", "/etc/a.json", "configs//etc/a.json", "../a.json", "a.json",
        "configs/.hidden.json", "configs/.last_good/a.json", "configs/.version", "configs/.git/a.json", "configs/a.txt",
        "configs/", "configs/a.json/", "./configs/a.json", "configs/./a.json", "configs/a\\..\\b.json",
        "configs/a\n.json", "configs/" + "x" * 300 + ".json",
    ],
)  # fmt: skip
def test_a_name_that_is_not_a_config_s_is_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.tar", member("configs/good.json"), member(name))
    assert "Nothing of it is trusted" in refused(tmp_path, path)


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "configs/good.json"), (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""), (tarfile.FIFOTYPE, ""), (tarfile.DIRTYPE, ""), (tarfile.CONTTYPE, ""), (b"Z", ""),
    ],
    ids=["link", "hard link", "character device", "block device", "pipe", "folder", "contiguous", "unknown"],
)  # fmt: skip
def test_what_is_not_a_plain_file_is_refused(tmp_path: Path, kind: bytes, link: str) -> None:
    strange = member("configs/a.json", b"", type=kind, linkname=link)
    path = archive(tmp_path / "a.tar", member("configs/good.json"), strange)
    assert "is not a plain file" in refused(tmp_path, path)


def test_a_file_that_is_larger_than_a_config_may_be_is_refused_without_being_read(tmp_path: Path) -> None:
    info, _ = member("configs/a.json")
    info.size = 10 * 1024**3
    (tmp_path / "a.tar").write_bytes(info.tobuf() + b"{" * 1024)
    assert "is larger than 1 MiB" in refused(tmp_path, tmp_path / "a.tar")
    path = archive(tmp_path / "b.tar", member("configs/a.json", b" " * (MAX_BYTES + 1)))
    assert "is larger than 1 MiB" in refused(tmp_path, path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME], ids=["x", "g", "L"])
def test_a_header_that_claims_gigabytes_takes_no_memory(tmp_path: Path, kind: bytes) -> None:
    info, _ = member("configs/a.json", type=kind)
    info.size = 8 * 1024**3 - 1
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(info.tobuf(format=tarfile.GNU_FORMAT))
        for _ in range(128):
            file.write(b"\0" * 1024**2)
    tracemalloc.start()
    assert "holds more than a config store does" in refused(tmp_path, tmp_path / "a.tar.gz")
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024**2
    tracemalloc.stop()


@pytest.mark.slow
def test_a_few_bytes_that_stand_for_many_files_are_read_without_keeping_them(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", *(member(f"configs/{number}.json", b" " * 10_000) for number in range(2000)))
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    tracemalloc.start()
    assert "can't be imported" in refused(tmp_path, packed)
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
    tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"a": {"$env": 1}}', b'{"a": 1, "a": 2}', b"[" * 100_000],
    ids=["empty", "cut", "list", "not UTF-8", "reference", "twice", "deep"],
)
def test_a_file_that_is_no_config_has_all_of_it_refused(tmp_path: Path, data: bytes) -> None:
    path = archive(tmp_path / "a.tar", member("configs/good.json"), member("configs/bad.json", data))
    said = refused(tmp_path, path)
    assert "'bad.json'" in said or data == b""


def broken(path: Path) -> list[Callable[[], object]]:
    whole = archive(path, member("configs/a.json"), member("configs/b.json")).read_bytes()
    return [
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"not a tar" * 200),
        lambda: path.write_bytes(whole[:700]),
        lambda: path.write_bytes(whole[:1536]),
        lambda: path.write_bytes(gzip.compress(whole)[:-20]),
        lambda: path.write_bytes(b"\x1f\x8b" + whole),
        lambda: path.write_bytes(whole[:100] + b"\0\0\0" + whole[103:]),
        lambda: archive(path, member("configs/a.json"), files=2),
        lambda: archive(path, member("configs/a.json"), member("configs/a.json")),
        lambda: archive(path, member("export.json", b'{"format": 2}')),
        lambda: archive(path, member("export.json", b"[]")),
        lambda: archive(path, member("export.json", b'{"format": 1, "files": 0}'), member("configs/a.json")),
        path.unlink,
    ]


@pytest.mark.parametrize("number", range(13))
def test_one_that_is_damaged_or_not_ours_is_refused(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.tar"
    broken(path)[number]()
    assert str(path) in refused(tmp_path, path)


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**12)}
    headers["GNU.sparse.name"] = "configs/a.json"
    info, data = member("configs/a.json", b"1\n0\n5\n".ljust(512, b"\0"), pax_headers=headers)
    path = archive(tmp_path / "a.tar", (info, data))
    refused(tmp_path, path)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE], ids=["GNU", "PAX"])
def test_headers_that_only_say_what_the_next_one_means_are_refused_in_a_long_row(tmp_path: Path, kind: bytes) -> None:
    info, data = member("x", b"11 path=ab\n", type=kind)
    header = info.tobuf(tarfile.GNU_FORMAT) + data.ljust(tarfile.BLOCKSIZE, b"\0")
    (tmp_path / "a.tar").write_bytes(header * 5000)
    assert "is damaged, or not made by export" in refused(tmp_path, tmp_path / "a.tar")
