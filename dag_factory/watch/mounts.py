"""The file system that a folder lies on: inotify does not report changes by other machines."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

# By the kernel's names; of FUSE's (`fuse.sshfs`, `fuse.s3fs`) the first part.
REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "ncpfs", "afs", "coda"),
        *("9p", "virtiofs", "vboxsf", "prl_fs", "fuse", "fuseblk"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "gfs2", "ocfs2", "orangefs", "pvfs2"),
    }
)

_ESCAPED = re.compile(r"\\([0-7]{3})")


def remote_kind(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """
    Return the type of a folder's file system, such as ``nfs4``, None where this machine's kernel sees every change.

    :param mounts: the kernel's list; where it is missing, every folder counts as local
    """
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        path = folder.resolve()
    except OSError:
        return None
    depth, found = -1, ""
    for line in lines:
        # … 5: mount point, any number of optional fields, a hyphen, type, …
        before, _, after = line.partition(" - ")
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4]))
        # A later mount on the same point covers an earlier one.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, found = len(point.parts), after.split(" ")[0]
    return found if found.split(".")[0] in REMOTE else None
