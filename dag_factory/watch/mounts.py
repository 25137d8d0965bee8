"""On which kind of file system a folder lies: inotify does not report what another machine does."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

# By the names that the kernel gives them; of those of FUSE (`fuse.sshfs`, `fuse.s3fs`) the first part says it.
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
    Return the type of the file system that a folder lies on, such as ``nfs4``, None where the machine's kernel knows
    of every change to it.

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
        # Of two mounts on one point the later one covers the earlier one.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, found = len(point.parts), after.split(" ")[0]
    return found if found.split(".")[0] in REMOTE else None
