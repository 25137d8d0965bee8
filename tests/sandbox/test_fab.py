from __future__ import annotations

from pathlib import Path

from sandbox.fab import FabAirflowStack


def test_a_password_that_begins_with_a_hyphen_is_not_taken_for_an_option(tmp_path: Path) -> None:
    commands: list[tuple[str, ...]] = []

    class Recorded(FabAirflowStack):
        def command(self, *arguments: str, timeout: float = 180) -> None:
            commands.append(arguments)

    stack = Recorded(tmp_path, dags_folder=tmp_path)
    stack.password = "-secret"
    stack.migrate()
    stack.stop()
    assert commands[-1][:2] == ("users", "create")
    assert "--password=-secret" in commands[-1]
