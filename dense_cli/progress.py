"""How far a run got: what commands and the library tell it to."""

from __future__ import annotations


class Progress:
    """What is told how far a run got; by itself it does nothing."""

    def start(self, total: int | None, unit: str = "samples") -> None:
        """Begin to count, up to ``total`` of a unit where it is known."""

    def advance(self, rows: int) -> None:
        """Count further ones."""

    def stop(self) -> None:
        """Take away what is shown."""
