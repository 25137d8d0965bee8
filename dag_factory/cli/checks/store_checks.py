"""Checks of the config store: is it there, can it be written, do its locks work, is there room?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dag_factory import settings
from dag_factory.cli.checks.check import Finding, fail, ok, warn
from dag_factory.cli.checks.site import Site
from dag_factory.cli.output import count_of
from dag_factory.errors import SettingsError
from dag_factory.settings.options import SECTION
from dag_factory.store.folder.folder_store import FolderStore

LITTLE_SHARE = 0.05
LITTLE_BYTES = 100 * 2**20
"""Less free space than both is little; the store and what is remembered of it take 7 KB for each pipeline."""
LITTLE_INODES = 0.02

_VOLATILE = frozenset({"overlay", "aufs", "tmpfs", "ramfs"})


def store(site: Site) -> list[Finding]:
    """Return whether the store is there, is the one that this machine knows, and can be written."""
    location = settings.config_store()
    found = site.store
    count = count_of(site.pipelines, "config")
    known = site.memory.known() if site.memory is not None else None
    findings = [ok(f"'{location}' is there, with {count}")]
    if isinstance(found, FolderStore) and not os.access(found.root, os.W_OK):
        findings.append(
            warn(
                f"this user can't write to '{location}', so no last good versions are kept there, and deploys fail",
                f"Run the command as Airflow's user. For a read-only store, set [{SECTION}] last_good_folder.",
            )
        )
    if known is None:
        findings.append(
            warn(
                "this machine does not know the store yet, so an unmounted one would pass for empty",
                "It is known once a loader, a deploy or a task has used it here. If one has, is state_folder kept?",
            )
        )
    return findings


def locks(site: Site) -> list[Finding]:
    """Return whether two writers at once notice each other."""
    if isinstance(site.store, FolderStore) and not os.access(site.store.root, os.W_OK):
        return [ok("not tried: this user can't write to the store")]
    site.store.probe()
    what = "locks" if isinstance(site.store, FolderStore) else "conditional writes"
    return [ok(f"{what} work: of two writers at once, one waits or is refused")]


def space(site: Site) -> list[Finding]:
    """Return whether there is room for configs and for what is remembered of them."""
    folders: dict[str, Path] = {f"[{SECTION}] state_folder": settings.state_folder()}
    if isinstance(site.store, FolderStore):
        folders[f"[{SECTION}] config_store"] = site.store.root
    found = [problem for name, path in folders.items() for problem in room(name, path)]
    return found or [ok("there is room, and free inodes, where the store and its memory are")]


def room(name: str, path: Path) -> list[Finding]:
    """Return what is wrong with the room on the file system of a folder, which need not be there yet."""
    present = next((each for each in (path, *path.parents) if each.exists()), Path("/"))
    disk = os.statvfs(present)
    free = disk.f_bavail * disk.f_frsize
    findings = []
    if free < LITTLE_BYTES and disk.f_bavail < LITTLE_SHARE * disk.f_blocks:
        level = warn if free > LITTLE_BYTES // 10 else fail
        findings.append(
            level(f"{name} '{path}': {free // 2**20} MB are free", "Make room: a full disk refuses deploys.")
        )
    if disk.f_files and disk.f_favail < LITTLE_INODES * disk.f_files:
        findings.append(warn(f"{name} '{path}': {disk.f_favail} inodes are free", "Remove small files there."))
    return findings


def state_folder(site: Site) -> list[Finding]:
    """Return whether what this machine remembers of the store outlives its container."""
    folder = settings.state_folder()
    if site.memory is None:
        raise SettingsError(f"[{SECTION}] state_folder has no usable value. Set it to a folder of this machine.")
    present = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    if not os.access(present, os.W_OK):
        return [
            fail(
                f"[{SECTION}] state_folder '{folder}' can't be written by this user, so nothing is remembered",
                "Give Airflow's user the right to write there, or run the command as Airflow's user.",
            )
        ]
    kind = file_system(folder, _partitions())
    if kind in _VOLATILE:
        return [
            warn(
                f"[{SECTION}] state_folder '{folder}' is on a disk ({kind}) that ends with its container",
                "Put it on a volume: without it a store that is not mounted passes for an empty one, and the first "
                "parse opens all configs again.",
            )
        ]
    return [ok(f"state_folder '{folder}' can be written, on {kind or 'an unknown file system'}")]


def file_system(path: Path, mounts: dict[str, str]) -> str | None:
    """
    Return the kind of file system that a path is on, None where that is unknown.

    :param mounts: kinds by mount point
    """
    resolved = path.absolute()
    return next((mounts[str(each)] for each in (resolved, *resolved.parents) if str(each) in mounts), None)


def _partitions() -> dict[str, str]:
    import psutil

    partitions: list[Any] = psutil.disk_partitions(all=True)
    # A later mount hides an earlier one.
    return {each.mountpoint: each.fstype for each in partitions}
