"""Writes into a page what its examples print now: ``python -m tests.docs docs/commands/validate.md …``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.console import agree, commands_in, is_shown, run, within, world
from tests.docs.program import program
from tests.forked_python import ForkedPython


def rewritten(page: Path, folder: Path, ours: Path) -> str:
    """Return a page with the output of each example that prints something else than the page shows."""
    text = page.read_text()
    commands = commands_in(text)
    with world(page, folder) as env:
        done = run(commands, folder, ours, env)
    for place in reversed(range(len(commands))):
        command, each = commands[place], done[place]
        if not agree(command.expected, each.output):
            text = text[: command.start] + "".join(f"{line}\n" for line in each.output) + text[command.end :]
        if each.code and not is_shown(commands, place):
            print(f"{page}: '{command.text}' has exit code {each.code}. Add $ echo $?", file=sys.stderr)
    return text


def main(pages: list[Path]) -> None:
    """Rewrite pages."""
    with TemporaryDirectory() as made:
        scratch = Path(made)
        (scratch / "python").mkdir()
        with ForkedPython(scratch / "python", os.environ) as python, program(scratch, python) as ours:
            for page in pages:
                page.write_text(rewritten(page, within(scratch / page.stem), ours))


if __name__ == "__main__":
    main([Path(page) for page in sys.argv[1:]])
