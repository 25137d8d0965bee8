"""Makes foreign texts, such as names and descriptions, safe to show to people."""

from __future__ import annotations

import re

# Control characters, and those that change the order of letters, by which a name could pass for another. The marks that
# Arabic, Hebrew, Persian and emoji need (U+200C to U+200F) stay.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# A terminal's control sequences (ECMA-48), such as a colour or a link. Of a malformed one, only the first character is
# matched. What repeats in the pattern can't match what follows it, so the time is linear.
_TERMINAL_CODES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, moves of the cursor
    "|\x1b\\][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)"  # OSC: links, the window's title
    "|\x1b[ -/]*[0-Z\\\\^-~]"  # others, such as the character set
    "|[\x1b\x9b]"
)
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")


def printable(text: str) -> str:
    """Return a text without control characters, its lines separated as in Unix."""
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join(printable(text).split())


def json_with_escapes(text: str) -> str:
    """Return JSON with its own escapes in place of control characters; it means the same."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_terminal_codes(text: str) -> str:
    """Return a text without a terminal's control sequences."""
    return _TERMINAL_CODES.sub("", text) if "\x1b" in text or "\x9b" in text else text


def cut(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters; where it was cut, it ends with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
