"""What must hold after a fault in a call, whatever the fault was."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from dag_factory.errors import DagFactoryError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.own_files import PENDING
from tests.torture.calls import Call, Contents, contents, deploy, load
from tests.torture.processes import KILLED, answer_of

OK = "ok"
NEW = re.compile(r"\.[0-9a-f]{32}\.new")
LOCK_SECONDS = 0.3

Answer = tuple[str, str]


class Judge:
    """
    Makes calls that meet a fault, and collects what should not have come of it.

    :param opened: opens the store for each call
    """

    def __init__(self, opened: Callable[[Path], FolderStore] | None = None) -> None:
        self._opened = opened or partial(FolderStore, lock_seconds=LOCK_SECONDS)
        self.findings: list[str] = []
        self._numbers = count()
        self._what = ""

    def suffer(
        self,
        call: Call,
        fault: object,
        store: FolderStore,
        *,
        break_it: Callable[[], object],
        mend: Callable[[], object],
    ) -> None:
        """
        Make a call that meets a fault, then another one that meets none, and see what has become of the store.

        :param break_it: is done in the process of the call, before it
        :param mend: is done after that process has ended
        """
        self._what = f"{call.name}: {fault}"
        try:
            self._suffer(call, store, break_it, mend)
        except Exception as error:  # noqa: BLE001 - the next fault is to come all the same
            self._find(f"{type(error).__name__}: {error}")

    def _suffer(
        self, call: Call, store: FolderStore, break_it: Callable[[], object], mend: Callable[[], object]
    ) -> None:
        before, loaded = contents(store.root), store.loaded()
        answer = answer_of(lambda: self._answer(call, store.root, break_it))
        mend()
        after = contents(store.root)
        wrong = [key for key in before.keys() | after.keys() if not _is_whole(call, key, before, after)]
        if wrong:
            self._find(f"{wrong} are neither as before nor as wished, after {answer!r}")
        if not _is_true(call, before, after, answer):
            self._find(f"was answered {answer!r}, and there is {sorted(after)}")
        if call.is_known and self._somebody_else_comes(store) and after != before and store.marker() == loaded:
            self._find("is in place, and who came next has not announced it")
        call.do(self._opened(store.root))
        self._check_after_another(call, before, store, loaded)

    def _somebody_else_comes(self, store: FolderStore) -> bool:
        """Let nothing, the deploy of another pipeline, or a wait for a parse come next, one after the other."""
        number = next(self._numbers) % 3
        if number == 1:
            deploy(self._opened(store.root), "somebody_else", 1)
            (store.root / "somebody_else.json").unlink()
        elif number == 2:
            self._opened(store.root).settle()
        return number > 0

    def _check_after_another(self, call: Call, before: Contents, store: FolderStore, loaded: str | None) -> None:
        after = contents(store.root)
        if not all(wish(after.get(key)) for key, wish in call.wish.items()):
            self._find("is not what it should be after another call")
        if call.is_due and store.marker() == loaded:
            self._find("is in place after another call, and not announced")
        if (store.marker() or "") < (loaded or ""):
            self._find("has set the marker back")
        load(store)
        left = [path.name for path in store.root.rglob("*") if NEW.fullmatch(path.name) or path.name == PENDING]
        if left:
            self._find(f"has left {left}")
        if call.wish:
            call.do(self._opened(store.root))
            if store.marker() != store.loaded():
                self._find("is announced once more, though all of it was seen")

    def _answer(self, call: Call, root: Path, break_it: Callable[[], object]) -> Answer:
        store = self._opened(root)
        break_it()
        try:
            call.do(store)
        except DagFactoryError as error:
            return type(error).__name__, str(error)
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            return "", f"{type(error).__name__}: {error}"
        return OK, ""

    def _find(self, finding: str) -> None:
        self.findings.append(f"{self._what}: {finding}")


def _is_whole(call: Call, key: str, before: Contents, after: Contents) -> bool:
    return before.get(key) == after.get(key) or (key in call.wish and call.wish[key](after.get(key)))


def _is_true(call: Call, before: Contents, after: Contents, answer: Answer | str) -> bool:
    """Return whether an answer says what is the case."""
    if isinstance(answer, str):
        return answer == KILLED
    kind, text = answer
    if kind == "":
        return False  # not one of ours
    if kind == OK or "holds the change" in text:
        return all(wish(after.get(key)) for key, wish in call.wish.items())
    if "is already removed" in text:
        return before != after
    if "is as it was before" in text and (named := re.search(r"config '([^']+)'", text, re.IGNORECASE)):
        return before.get(named[1]) == after.get(named[1])
    return before == after or any(words in text for words in ("may or may not", "may hold", "were encrypted again"))
