"""Runs the checks of outputs that are asked for.

In: what is known of the outputs, then their rows, block by block. Out: findings, in the order of the table.
"""

from __future__ import annotations

import numpy as np

from dense_cli.files.formats import load
from dense_cli.views.checks import CHECKS, OF_DISTRIBUTIONS
from dense_cli.views.checks.check import Check, CheckRows, Finding, OutputInfo
from dense_cli.views.evaluate import tolerance
from dense_cli.views.looks import Rows


class Checks:
    """Runs the checks of outputs that are not skipped, and of distributions only where there are such."""

    def __init__(self, info: OutputInfo, skip: frozenset[str] = frozenset()) -> None:
        if info.distributions is False:
            skip |= OF_DISTRIBUTIONS
        self._checks: list[Check] = [
            load(check.path)(info) for check in CHECKS if check.path is not None and check.name not in skip
        ]
        self._unclear = info.distributions is None
        self._tolerance = tolerance(info.dtype)
        self._rows = Rows(self._tolerance)
        self._ones = 0  # rows that sum to 1, whatever is negative in them

    def add(self, block: CheckRows) -> None:
        """Take further rows."""
        for check in self._checks:
            check.add(block)
        if not self._unclear:
            return
        finite = np.isfinite(block.y)
        self._rows.add(block.y, finite)
        with np.errstate(all="ignore"):
            ones = np.abs(block.y.sum(axis=1) - 1) <= self._tolerance
        self._ones += int(np.count_nonzero(ones & finite.all(axis=1)))

    def merge(self, other: Checks) -> None:
        """Take the rows of another one with the same checks: those of the next block."""
        for check, own in zip(self._checks, other._checks, strict=True):
            check.merge(own)
        self._rows.merge(other._rows)
        self._ones += other._ones

    def findings(self) -> list[Finding]:
        """Return the findings, without those that another one explains."""
        findings = [finding for check in self._checks if (finding := check.finding()) is not None]
        explained = _explained({finding.check for finding in findings})
        if self._unclear and 2 * self._ones < self._rows.rows:
            # What holds of distributions says nothing of other numbers, but that they are none.
            findings = [_no_distributions(finding, self._rows) for finding in findings]
            explained |= OF_DISTRIBUTIONS - {"sums", "axis"}
        return [finding for finding in findings if finding.check not in explained]


def _explained(names: set[str]) -> set[str]:
    """Return the checks whose findings follow from those of the checks ``names``."""
    return {name for check in CHECKS if check.name in names for name in check.explains}


def _no_distributions(finding: Finding, rows: Rows) -> Finding:
    """Return the finding of ``sums`` with what the numbers are, where most rows are no distributions."""
    if finding.check != "sums":
        return finding
    if rows.log_distributions == rows.rows:
        evidence = "these are log-probabilities: nothing is positive, and exp of every row sums to 1"
        return finding._replace(evidence=evidence, advice="check exp of them")
    likely = "scores of classes by themselves (sigmoids?)" if rows.within_1 else "logits or hidden states"
    return finding._replace(evidence=f"{finding.evidence}; they look like {likely}")
