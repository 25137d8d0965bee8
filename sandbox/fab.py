"""An Airflow with the FAB auth manager."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sandbox.stack import AirflowConfig, AirflowStack, merge

AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
API = "/auth/fab/v1"

# An action on a resource, both by FAB's names.
Permission = tuple[str, str]


class FabAirflowStack(AirflowStack):
    """
    An `AirflowStack` with the FAB auth manager. It starts with one user, an administrator.

    ``options`` are those of `AirflowStack`. Roles and users are made through FAB's own API while it runs; ``passwords``
    has the password of each.
    """

    def __init__(self, home: Path, *, config: AirflowConfig | None = None, **options: Any) -> None:
        super().__init__(home, config=merge({"core": {"auth_manager": AUTH_MANAGER}}, config or {}), **options)

    def migrate(self, timeout: float = 180) -> None:
        """Create or upgrade the tables of the database, FAB's among them, and make the administrator."""
        super().migrate(timeout)
        person = ["--firstname", "Ada", "--lastname", "Admin", "--email", f"{self.username}@example.com"]
        # With `=`, since a password may begin with a hyphen.
        named = ["--username", self.username, f"--password={self.password}", "--role", "Admin"]
        self.command("users", "create", *named, *person)

    def add_role(self, name: str, permissions: Iterable[Permission]) -> None:
        """Create a role that allows some actions."""
        actions = [{"action": {"name": action}, "resource": {"name": resource}} for action, resource in permissions]
        self.api("POST", f"{API}/roles", json={"name": name, "actions": actions})

    def add_user(self, name: str, role: str) -> None:
        """Create a user with a role."""
        self.passwords[name] = secrets.token_urlsafe(12)
        person = {"first_name": name, "last_name": role, "email": f"{name}@example.com"}
        user = {"username": name, "password": self.passwords[name], "roles": [{"name": role}], **person}
        self.api("POST", f"{API}/users", json=user)

    def change_password(self, name: str) -> None:
        """Give a user another password."""
        self.passwords[name] = secrets.token_urlsafe(12)
        self.api("PATCH", f"{API}/users/{name}", json={"password": self.passwords[name]})
