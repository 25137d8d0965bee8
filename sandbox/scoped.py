"""What is there for as long as a ``with`` block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Scoped:
    """Is started by ``with`` and stopped at the end of the block, also where the start fails halfway."""

    def start(self) -> None:
        """Begin; there may be nothing to begin."""

    def stop(self) -> None:
        """End whatever has begun."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
