"""Padding of sequences under its older name.

>>> pad_sequences([[1], [2, 3]]).tolist()
[[0, 1], [2, 3]]
"""

from __future__ import annotations

from dense_cli.utils.sequence_utils import pad_sequences

__all__ = ["pad_sequences"]
