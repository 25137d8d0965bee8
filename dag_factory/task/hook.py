"""
What Airflow asks about a Connection of type ``openmetadata``: its form, in Airflow 3.1, and a test of it.

Airflow imports it only where somebody tests such a Connection, or asks for its hook.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk.bases.hook import BaseHook

from dag_factory.configs.allowed import allowed_here
from dag_factory.configs.document import Document
from dag_factory.configs.server_connection import operators_server
from dag_factory.errors import DagFactoryError
from dag_factory.portable.secrets.references import find_connection
from dag_factory.settings.connection_form import CONN_TYPE, FIELDS, HIDDEN, HOOK_NAME, LABELS, PLACEHOLDERS


class OpenMetadataHook(BaseHook):
    """
    The hook of Connections of type ``openmetadata``.

    openmetadata-ingestion has a hook and a type of Connection of the same names. Where it is installed beside Airflow,
    this one is used, and reads the same fields.

    :param openmetadata_conn_id: id of the Connection
    :param answer_seconds: for which a test waits for one answer: somebody looks at the form
    """

    conn_name_attr = "openmetadata_conn_id"
    default_conn_name = "openmetadata"
    conn_type = CONN_TYPE
    hook_name = HOOK_NAME

    def __init__(self, openmetadata_conn_id: str = default_conn_name, *, answer_seconds: float = 10.0) -> None:
        super().__init__()
        self.openmetadata_conn_id = openmetadata_conn_id
        self._answer_seconds = answer_seconds

    def get_conn(self) -> Document:
        """
        Return the ``openMetadataServerConnection`` that the Connection stands for, its token in it.

        :raises ConfigError: where the Connection is missing or wrong
        """
        return operators_server(find_connection(self.openmetadata_conn_id, field=self.conn_name_attr))

    def test_connection(self) -> tuple[bool, str]:
        """
        Ask the server whose token it is, as a run does before it starts.

        Only the host of the form is asked: Airflow adds a stored token to what is tested, unless another host is named
        there, and must not send it anywhere else.

        :return: whether a run could use the server, and a sentence that says why not, or which server and user it is
        """
        # The checks import httpx, which a parse of DAGs must not.
        from dag_factory.reporting.server_client import shown
        from dag_factory.task.server_check import require_answers

        try:
            connection = find_connection(self.openmetadata_conn_id, field=self.conn_name_attr)
            fields = operators_server(connection)
            if "hostPort" in connection.extra_dejson:
                return False, "The extra's hostPort is not tested. Write the address into the field Host"
            allowed_here().check_resolved(fields, is_server_ours=True)
            found = require_answers(fields, answer_seconds=self._answer_seconds, retry_seconds=0)
        except DagFactoryError as error:
            return False, str(error)
        server = f"OpenMetadata {found.version or 'of an unknown version'} at {shown(fields)}"
        if found.user is None:
            return True, f"{server} answers. No token was checked: the Connection has none that can be read here."
        return True, f"{server} answers, and accepts the token, that of '{found.user}'."

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what Airflow 3.1 shows of the fields that every Connection has."""
        return {"hidden_fields": HIDDEN, "relabeling": LABELS, "placeholders": PLACEHOLDERS}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the further fields that Airflow 3.1 shows."""
        from wtforms import StringField  # type: ignore[import-untyped]

        return {name: StringField(field["label"], description=field["description"]) for name, field in FIELDS.items()}
