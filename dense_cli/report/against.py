"""What changes against other outputs → HTML: the verdict, and the rows that change class as a table."""

from __future__ import annotations

from dense_cli.report.html import escape, number, table
from dense_cli.report.samples import name_of
from dense_cli.reporting import Report
from dense_cli.reporting_against import Against, Flip
from dense_cli.text import axis_names
from dense_cli.views.verdict import number_text, verdict


def against_section(report: Report) -> list[str]:
    """Return the section about other outputs; nothing where there are none."""
    against = report.against
    if against is None:
        return []
    parts = [
        f"<h2>A against B</h2><p>A is {escape(report.run.input_name)}, B is {escape(against.name)}.</p>",
        f"<p><strong>{escape(verdict(against.result))}</strong>{_of_targets(against)}</p>",
    ]
    if against.flips:
        parts.append(_flips(report, against))
    if (more := against.result.flips - len(against.flips)) > 0:
        parts.append(f"<p>{more:,} more rows change class, each of them by less.</p>")
    return parts


def _of_targets(against: Against) -> str:
    if against.lost is None or not against.flips:
        return ""
    return f" Of the rows that change, {against.lost} are right in A alone, {against.won} in B alone."


def _flips(report: Report, against: Against) -> str:
    axes = axis_names(len(against.flips[0].place))
    header = [*axes, "class in A", "probability", "class in B", "probability", "total variation"]
    numeric = {*range(len(axes)), len(axes) + 1, len(axes) + 3, len(axes) + 4}
    with_targets = against.lost is not None
    shown = {sample.number for sample in report.samples}

    def row(flip: Flip) -> list[str]:
        sample = str(flip.place[0])
        cells = [
            f'<a href="#s{sample}">{sample}</a>' if flip.place[0] in shown else sample,
            *map(str, flip.place[1:]),
            escape(name_of(report, flip.first)) + _right(flip, flip.first),
            number(flip.before),
            escape(name_of(report, flip.second)) + _right(flip, flip.second),
            number(flip.after),
            number_text(flip.variation),
        ]
        return [*cells, escape(name_of(report, flip.target))] if with_targets else cells

    return table(
        "Rows that change class, the largest change first",
        [*header, "target"] if with_targets else header,
        [row(flip) for flip in against.flips],
        numeric,
    )


def _right(flip: Flip, chosen: int) -> str:
    return " (right)" if chosen == flip.target and chosen >= 0 else ""
