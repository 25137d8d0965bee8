"""What is wrong with the loads of a store, as all loader files note it in one place: a problem for each of them."""

from __future__ import annotations

from collections.abc import Mapping

from dag_factory.portable.plain_text import cut, one_line
from dag_factory.store.shards import Shard, shard_of_file

# Anybody who can write to the store can write the note.
_LONGEST = 1_000


def with_problem(noted: Mapping[str, object], shard: Shard, problem: str | None) -> dict[str, str]:
    """
    Return a note with a shard's problem, or without it, and without those of another number of shards.

    Two loads that note something at once may lose one of the two problems, until its shard is loaded again.

    :param noted: problems by the names of loader files, as they were read
    """
    kept = {name: text for name, text in _problems(noted).items() if _number(name) == shard.of}
    kept.pop(shard.file_name, None)
    return dict(sorted(kept.items() if problem is None else {**kept, shard.file_name: problem}.items()))


def first_problem(noted: Mapping[str, object]) -> str | None:
    """Return the first problem of a note, and how many more loader files have one; None where there are none."""
    problems = list(_problems(noted).values())
    if not problems:
        return None
    more = f" The loads of {len(problems) - 1} more loader files have a problem." if problems[1:] else ""
    return f"{problems[0]}{more}"


def _problems(noted: Mapping[str, object]) -> dict[str, str]:
    return {name: cut(one_line(text), _LONGEST) for name, text in noted.items() if isinstance(text, str)}


def _number(name: str) -> int | None:
    shard = shard_of_file(name)
    return shard.of if shard is not None else None
