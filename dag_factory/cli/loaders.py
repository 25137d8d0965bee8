"""The loader files in a DAGs folder: written by ``init``, and replaced by those of another number of shards."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from dag_factory.api_server.watch.loader_files import LoaderFile
from dag_factory.api_server.watch.parse_requests import have_dags, request_parses
from dag_factory.cli.asked_parses import AGAIN_SECONDS, POLL_SECONDS, WAIT_SECONDS, ask_until_done
from dag_factory.dag.loader_file import loader_text
from dag_factory.dag.loader_folder import STORING_SECONDS, LoaderFolder
from dag_factory.errors import DagFactoryError, LoaderError
from dag_factory.portable.plain_text import printable
from dag_factory.settings import airflow_settings
from dag_factory.store import ConfigStore, configured_store
from dag_factory.store.folder.files import sync
from dag_factory.store.markers import unseen
from dag_factory.store.parts import Part
from dag_factory.store.shards import Shard, shards

REQUEST_SECONDS = 5.0
# For how long Airflow must have no DAG of an outdated loader: a parse that is still under way is stored later. One that
# takes longer than this brings its DAGs back, and they count as gone until the next parse, which is asked for.
QUIET_SECONDS = 2.0
_MOST_LINES = 40


def loader_folder(folder: str | None) -> LoaderFolder:
    """Return the folder for the loaders: the one that is named, or Airflow's own DAGs folder."""
    return LoaderFolder(Path(folder).expanduser() if folder else airflow_settings.dags_folder())


def write_loaders(files: LoaderFolder, of: int | None = None, *, force: bool = False) -> str:
    """
    Write the loaders where they are missing; return what was done.

    :param of: the number of shards, None to keep the present one, at first 1
    :param force: overwrite loaders that differ
    :raises LoaderError: where one can't be written, or one that differs is there
    :raises SettingsError: where the number of shards is not allowed
    """
    wanted = _wanted(files, of)
    try:
        differing = [shard for shard in wanted if _is_there(files.path / shard.file_name) and not files.is_made(shard)]
        if differing and not force:
            raise LoaderError(_refusal(files.path / differing[0].file_name, differing[0], len(differing) - 1))
        written = files.make(wanted)
        if written:
            sync(files.path)
    except OSError as error:
        raise LoaderError(
            f"The loader '{files.path / wanted[0].file_name}' can't be written: {error.strerror}. Run the command as a "
            "user who can write to that folder, or name another folder that Airflow takes DAGs from: --dags-folder "
            "FOLDER."
        ) from error
    done = "overwritten" if differing else "written" if written else ""
    return f"{_named(files, wanted)} {_done(done, len(wanted))}{_not_parsed(files.path)}"


def retire_loaders(
    files: LoaderFolder,
    of: int | None = None,
    *,
    force: bool = False,
    is_parsed: Callable[[list[Shard], list[Shard]], bool],
) -> str:
    """
    Remove the loaders of other numbers of shards, once Airflow has parsed the new ones; return what was done.

    If it stops in between, each DAG has two loaders. That costs twice the parsing, and no more. A DAG without a loader
    would be removed from Airflow until the next parse, and its scheduled runs would be missed.

    :param of: how many shards there are, None for as many as there were
    :param force: also remove those that differ from ours, and don't wait
    :param is_parsed: waits until Airflow has parsed the loaders of some shards in place of those of others, and returns
        whether it has
    :raises LoaderError: where they can't be removed, or Airflow has not parsed the new ones
    """
    wanted = _wanted(files, of)
    others = sorted(set(files.found()).difference(wanted))
    if not others:
        return ""
    changed = [] if force else [shard for shard in others if not files.is_made(shard)]
    ours = [shard for shard in others if shard not in changed]
    if ours and not force and not is_parsed(wanted, ours):
        raise LoaderError(
            f"{_named(files, ours)} {_still(ours)} there: Airflow has not parsed the new ones yet. Until it has, each "
            "DAG has two loaders, which costs twice the parsing and is harmless otherwise. Start Airflow's DAG "
            "processor and run this command again; or remove them at once: --force."
        )
    try:
        for shard in ours:
            (files.path / shard.file_name).unlink(missing_ok=True)
    except OSError as error:
        raise LoaderError(
            f"{_named(files, ours)} can't be removed: {error.strerror}. Remove them as a user who can write to that "
            "folder: with them, each DAG has two loaders."
        ) from error
    # Airflow may have parsed them once more just before.
    if ours and not force and not is_parsed(wanted, ours):
        raise LoaderError(
            f"{_named(files, ours)} {_were(ours)} removed, but Airflow has not parsed the new ones since. DAGs may be "
            "missing until it has. Start Airflow's DAG processor."
        )
    if changed:
        raise LoaderError(
            f"{_named(files, changed)} {_still(changed)} there, because of changes by hand. With it, each of its "
            "DAGs has two loaders. Remove it, or run this again with --force."
        )
    return f"{_named(files, ours)} {_were(ours)} removed."


def wait_until_parsed(
    files: LoaderFolder, wanted: list[Shard], others: list[Shard], limit_seconds: float = WAIT_SECONDS
) -> bool:
    """Have Airflow parse loaders, and return whether it has done so in time; False where it can't be asked."""
    asked, outdated = _as_airflow_knows(files, wanted), _as_airflow_knows(files, others)

    def ask(left: list[Shard]) -> bool:
        return request_parses(_as_airflow_knows(files, left))

    try:
        if not asked or not wait_for_loads(configured_store(), wanted, ask, limit_seconds):
            return False
    except DagFactoryError:
        return False
    # Airflow may store a parse's DAGs only after the parse has noted its marker. Where it has parsed an outdated loader
    # at the same time and stores its DAGs last, they count as made by that one.
    deadline = time.monotonic() + STORING_SECONDS
    while _have_dags_still(outdated):
        if time.monotonic() > deadline or not request_parses(asked):
            return False
    return True


def wait_for_loads(
    store: ConfigStore,
    wanted: list[Shard],
    ask: Callable[[list[Shard]], bool],
    limit_seconds: float,
    again_seconds: float = AGAIN_SECONDS,
) -> bool:
    """
    Have the loaders of some shards see the store as it is now, and return whether all have in time.

    :param ask: asks Airflow for a parse of those that have not seen it yet, and returns whether it could be asked
    :raises StoreError: where the store can't be reached
    """
    # Before Airflow is asked: a parse that it begins at once is to see this marker.
    marker = store.bump()
    what = "Airflow has parsed the new loaders"
    left = ask_until_done(
        lambda: unseen(store, wanted, marker), ask, what, limit_seconds=limit_seconds, again_seconds=again_seconds
    )
    return not left


def _have_dags_still(outdated: list[LoaderFile]) -> bool:
    """Return whether Airflow has DAGs of outdated loaders once it has had time to store those of the new ones."""
    return bool(outdated) and not ceases(lambda: have_dags(outdated), REQUEST_SECONDS, QUIET_SECONDS)


def ceases(
    is_so: Callable[[], bool],
    limit_seconds: float,
    quiet_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """
    Return whether a condition becomes false within a limit and then stays false for some seconds.

    :param is_so: asked again and again; it may take long
    :param limit_seconds: for how long it may be true
    :param quiet_seconds: for how long it must then stay false
    """
    given_up_at = clock() + limit_seconds
    false_since: float | None = None
    while True:
        if is_so():
            false_since = None
            if clock() > given_up_at:
                return False
        elif false_since is None:
            false_since = clock()
        elif clock() - false_since >= quiet_seconds:
            return True
        sleep(POLL_SECONDS)


def _as_airflow_knows(files: LoaderFolder, some: list[Shard]) -> list[LoaderFile]:
    return [LoaderFile(bundle, path) for shard in some for bundle, path in _in_bundles(files.path / shard.file_name)]


def _wanted(files: LoaderFolder, of: int | None) -> list[Shard]:
    """
    Return all shards of a number, by default of the number that a folder has loaders for, or else 1.

    :raises LoaderError: where there are loaders of several numbers
    :raises SettingsError: where there can't be so many
    """
    if of is not None:
        return Part(0, 1, of).all()
    numbers = sorted({shard.of for shard in files.found()})
    if len(numbers) > 1:
        named = " and of ".join(map(str, numbers))
        raise LoaderError(
            f"'{files.path}' has loaders of {named} shards. Say how many there are to be: --shards NUMBER."
        )
    return shards(*numbers or [1])


def _is_there(path: Path) -> bool:
    """Return whether a file, or a link that may lead to one, is in the place of a loader."""
    return path.is_file() or path.is_symlink()


def _refusal(path: Path, shard: Shard, more: int) -> str:
    if not path.exists():
        return f"'{path}' is there already, but leads to no file. Mount what it leads to, or replace it with --force."
    others = f" So do {more} more." if more else ""
    return (
        f"The loader '{path}' is there already and differs from ours.{others} It was left as it is. Leave it if it was "
        f"changed on purpose, else overwrite it with --force.\n{_difference(path.read_text(errors='replace'), shard)}"
    )


def _named(files: LoaderFolder, some: list[Shard]) -> str:
    first = files.path / some[0].file_name
    return f"The loader '{first}'" if len(some) == 1 else f"{len(some)} loaders, '{first}' to '{some[-1].file_name}',"


def _done(done: str, count: int) -> str:
    if not done:
        return f"{'is' if count == 1 else 'are'} there already."
    return f"{'was' if count == 1 else 'were'} {done}."


def _were(some: list[Shard]) -> str:
    return "was" if len(some) == 1 else "were"


def _still(some: list[Shard]) -> str:
    return "is still" if len(some) == 1 else "are still"


def _in_bundles(path: Path) -> Iterable[tuple[str, str]]:
    """Yield the local bundles that a file is in, by this machine's settings, each with the file's path in it."""
    for name, folder in airflow_settings.local_bundles().items():
        if path.absolute().is_relative_to(folder.absolute()):
            yield name, str(path.absolute().relative_to(folder.absolute()))


def _not_parsed(folder: Path) -> str:
    """Return a warning if Airflow, by this machine's settings, takes no DAGs from a folder; else an empty text."""
    if list(_in_bundles(folder)):
        return ""
    return (
        " No local bundle of [dag_processor] dag_bundle_config_list has this folder: bring the loader to where Airflow "
        "takes its DAGs from, such as the repository of a Git bundle."
    )


def _difference(found: str, shard: Shard) -> str:
    lines = list(
        difflib.unified_diff(
            found.splitlines(), loader_text(shard).splitlines(), "the loader that is there", "ours", lineterm="", n=1
        )
    )
    more = [f"… and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return printable("\n".join(["  " + line for line in [*lines[:_MOST_LINES], *more]]))
