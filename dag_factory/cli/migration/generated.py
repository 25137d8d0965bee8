"""The DAG files that openmetadata-managed-apis has generated, recognized by what they do, never by their names."""

from __future__ import annotations

import ast
import html
import io
import os
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dag_factory.errors import CommandError

PACKAGE = "openmetadata_managed_apis"
# A generated file has some hundred bytes, and a path.
_MOST_BYTES = 64 * 1024
_FACTORY = "WorkflowFactory.create"


@dataclass(frozen=True)
class Generated:
    """
    A file that makes a DAG by the plugin's factory.

    :param path: the file
    :param data: what it holds
    :param config: the document that it reads; None where it reads several, or calculates which
    :param additions: what makes it differ from the files that the plugin generates; None where nothing does
    """

    path: Path
    data: bytes
    config: Path | None
    additions: str | None = None


def find(folder: Path, unread: dict[Path, str]) -> Iterator[Generated]:
    """
    Yield the files of a DAGs folder that are the plugin's, sorted by path. Links to folders are not followed.

    :param unread: gets each file and folder that can't be read, with the reason
    :raises CommandError: where the folder is missing
    """
    if not folder.is_dir():
        raise CommandError(
            f"The DAGs folder '{folder}' is missing. Name the one that Airflow has: --dags-folder FOLDER."
        )

    def note(error: OSError) -> None:
        unread[Path(error.filename)] = error.strerror or type(error).__name__

    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                path = Path(root, name)
                try:
                    # Opening a pipe would wait for a writer.
                    data = path.read_bytes() if 0 < path.stat().st_size <= _MOST_BYTES and path.is_file() else b""
                except OSError as error:
                    note(OSError(error.errno, error.strerror, str(path)))
                    continue
                if (found := recognized(path, data)) is not None:
                    yield found


def recognized(path: Path, data: bytes) -> Generated | None:
    """Return what a file is, None where it does not call the plugin's factory."""
    if PACKAGE.encode() not in data:
        return None
    try:
        text = data.decode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    try:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_factory(node.func)]
        if not calls or not _imports_factory(tree):
            return None
        is_as_generated = _is_as_generated(tree)
    except RecursionError:
        # The plugin writes no chain of names as long as this one, so it is not looked through.
        return Generated(path, data, None, "it was changed by hand") if _imports_factory(tree) else None
    configs = [_only_text(call) for call in calls]
    config = _meant(configs[0]) if len(configs) == 1 and configs[0] is not None else None
    additions = "a comment was added by hand" if _has_comment(text) else None
    if not is_as_generated or config is None:
        additions = "it was changed by hand"
    return Generated(path, data, config, "it is a link" if path.is_symlink() else additions)


def _imports_factory(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE)
        or (isinstance(node, ast.Import) and any(each.name.partition(".")[0] == PACKAGE for each in node.names))
        for node in ast.walk(tree)
    )


def _is_factory(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function).endswith(_FACTORY)


def _only_text(call: ast.Call) -> str | None:
    if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Constant):
        value = call.args[0].value
        return value if isinstance(value, str) else None
    return None


def _meant(config: str) -> Path | None:
    # No path has NUL in it.
    if "\0" in config:
        return None
    # The plugin writes the path as into HTML.
    return Path(config if os.path.exists(config) else html.unescape(config))  # noqa: PTH110 - any text


def _is_as_generated(tree: ast.Module) -> bool:
    """Return whether a file does what a generated one does, in this order, and nothing else."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    shape = [_shape(node) for node in body]
    return shape[:4] == ["import", "import", "made", "shown"] and shape[4:] in ([], ["made"])


def _shape(node: ast.stmt) -> str:
    """Return what a statement of a generated file is for: it imports, makes something, or shows the DAG to Airflow."""
    if isinstance(node, ast.ImportFrom) and len(node.names) == 1 and node.names[0].asname is None and not node.level:
        known = {("airflow", "DAG"), (f"{PACKAGE}.workflows", "workflow_factory")}
        return "import" if (node.module, node.names[0].name) in known else "other"
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.Call):
        name, call = ast.unparse(node.targets[0]), node.value
        is_create = name == "workflow" and _is_factory(call.func) and _only_text(call) is not None
        return "made" if is_create or (name == "dag" and ast.unparse(call) == "workflow.get_dag()") else "other"
    is_shown = isinstance(node, ast.Expr) and ast.unparse(node.value) == "workflow.generate_dag(globals())"
    return "shown" if is_shown else "other"


def _has_comment(text: str) -> bool:
    with suppress(tokenize.TokenError, SyntaxError):
        return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline))
    return True
