"""The check for NaN and infinity."""

from __future__ import annotations

import numpy as np

from dense_cli.views.checks.check import CheckRows, Count, Finding, OutputInfo, not_finite


class Finite:
    """NaN and infinity: in the input, from overflow, or in finished outputs."""

    name = "finite"

    def __init__(self, info: OutputInfo) -> None:
        self._ran = info.ran
        self._input, self._overflow, self._output = Count(), Count(), Count()

    def add(self, block: CheckRows) -> None:
        output = not_finite(block.y)
        if block.x is None or block.logits is None:
            self._output.add(output, block.places, np.zeros(len(output)))
            return
        in_input = not_finite(block.x)
        self._input.add(in_input, block.places, np.zeros(len(output)))
        overflow = not_finite(block.logits) & ~in_input
        self._overflow.add(overflow, block.places, np.zeros(len(output)))

    def merge(self, other: Finite) -> None:
        self._input.merge(other._input)
        self._overflow.merge(other._overflow)
        self._output.merge(other._output)

    def finding(self) -> Finding | None:
        for count, where, advice in (
            (self._input, "in the input", "these rows have no class: mend what made the input"),
            (
                self._overflow,
                "from overflow: input and weights are finite, the logits are not",
                "compute with --dtype float64, or scale the input",
            ),
            (self._output, "in the outputs", "these rows have no class: check what made them with its input"),
        ):
            if count.number:
                return Finding(self.name, f"{count.text} hold NaN or infinity, {where}", advice, count.first)
        return None
