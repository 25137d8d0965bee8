"""
All messages of this package on one page, by module: ``python -m tools.messages``.

A message is a text of three words or more that is neither a docstring nor a pattern: what is raised, logged, answered,
printed or shown in a DAG's docs. What is filled in stands in braces.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "dag_factory"

_WORDS = re.compile(r"[A-Za-z']{2,}")
_LEAST_WORDS = 3
_SQL = re.compile(r"\s*(CREATE|SELECT|INSERT|UPDATE|REPLACE|DELETE|PRAGMA|WITH) ")
# Texts that are given to these are for programs.
_NO_MESSAGES = frozenset({"compile", "execute", "executescript", "Query", "body_schema", "HTTPBase"})


@dataclass(frozen=True)
class Message:
    """
    A text and where it stands.

    :param where: what the text is given to, such as ``raise ConfigError`` or ``log.warning``; empty for a plain text
    """

    module: str
    line: int
    where: str
    text: str


def messages(package: Path = PACKAGE) -> list[Message]:
    """Return all messages of a package, by module and line."""
    found: list[Message] = []
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += _Walk(module).of(tree)
    return found


class _Walk(ast.NodeVisitor):
    def __init__(self, module: str) -> None:
        self._module = module
        self._where: list[str] = []
        self._found: list[Message] = []

    def of(self, tree: ast.AST) -> list[Message]:
        self.visit(tree)
        return sorted(self._found, key=lambda message: message.line)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring, of an attribute maybe
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._within("raise ", node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name.rpartition(".")[2] in _NO_MESSAGES:
            return
        # The innermost call that does more than join or change a text says what it is for.
        is_new = name[:1].isupper() or name.startswith(("log.", "print", "refusal", "parser.", "typer."))
        raised = self._where[-1] if self._where else ""
        self._within(raised + name if is_new and raised == "raise " else name if is_new else raised, node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add("".join(_parts(node)), node.lineno)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _within(self, where: str, node: ast.AST) -> None:
        self._where.append(where)
        self.generic_visit(node)
        self._where.pop()

    def _add(self, text: str, line: int) -> None:
        if len(_WORDS.findall(text)) >= _LEAST_WORDS and " " in text.strip() and not _SQL.match(text):
            self._found.append(Message(self._module, line, self._where[-1] if self._where else "", text))


def _parts(node: ast.JoinedStr) -> Iterator[str]:
    for part in node.values:
        if isinstance(part, ast.Constant):
            yield str(part.value)
        elif isinstance(part, ast.FormattedValue):
            yield f"{{{ast.unparse(part.value)}}}"


def page(found: list[Message]) -> str:
    """Return the page, Markdown."""
    lines = [f"# {len(found)} messages", ""]
    module = ""
    for message in found:
        if message.module != module:
            module = message.module
            lines += ["", f"## {module}", ""]
        where = f" ({message.where.strip()})" if message.where.strip() else ""
        lines.append(f"- {message.line}{where}: {' '.join(message.text.split())}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(messages()))
