"""Objects that live for as long as a ``with`` block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Scoped:
    """Started by ``with`` and stopped at the end of the block, even if the start fails halfway."""

    def start(self) -> None:
        """Start, if there is something to start."""

    def stop(self) -> None:
        """Stop all that has been started."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
