from __future__ import annotations

from pathlib import Path

import pytest

from dag_factory.watch.mounts import MOUNTS, remote_kind

LINES = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /srv/nfs rw - nfs4 server:/export rw,vers=4.2
24 22 0:6 / /srv/nfs/local rw shared:2 master:3 - tmpfs tmpfs rw
25 22 0:7 / /srv/with\040space rw - cifs //server/share rw
26 22 0:8 / /srv/bucket rw - fuse.s3fs s3fs rw
27 22 0:9 / /srv/covered rw - nfs server:/old rw
28 22 0:10 / /srv/covered rw - xfs /dev/sdb rw
29 22 0:11 / /srv/hostshare rw - virtiofs share rw
""".strip()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv", None),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/configs/sales", "nfs4"),
        ("/srv/nfsnot", None),
        ("/srv/nfs/local/configs", None),
        ("/srv/with space/configs", "cifs"),
        ("/srv/bucket", "fuse.s3fs"),
        ("/srv/covered", None),
        ("/srv/hostshare/configs", "virtiofs"),
    ],
)
def test_a_folder_lies_on_the_mount_nearest_to_it(tmp_path: Path, folder: str, kind: str | None) -> None:
    (tmp_path / "mountinfo").write_text(LINES)
    assert remote_kind(Path(folder), tmp_path / "mountinfo") == kind


def test_a_link_is_followed_to_where_the_files_are(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(LINES)
    (tmp_path / "link").symlink_to("/srv/nfs/configs")
    assert remote_kind(tmp_path / "link", tmp_path / "mountinfo") == "nfs4"


def test_where_the_kernel_has_no_list_every_folder_is_a_local_one(tmp_path: Path) -> None:
    assert remote_kind(tmp_path, tmp_path / "nothing") is None


@pytest.mark.skipif(not MOUNTS.exists(), reason="only Linux has the list")
def test_the_list_of_this_machine_can_be_read() -> None:
    assert remote_kind(Path("/proc")) is None
