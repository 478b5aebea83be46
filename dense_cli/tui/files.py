"""What is looked at → a file, or the lines of an explanation.

In: a `Viewed` and which rows of it. Out: a file that is whole or not there; lines of text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from dense_cli.errors import UsageError
from dense_cli.viewing import Viewed
from dense_cli.views.pictures import Picture
from dense_cli.writers.screen import Screen

_PICTURES = ("svg", "png", "pdf")


def save(viewed: Viewed, positions: Sequence[int], picture: Picture, name: str) -> str:
    """Write a picture, or the rows of samples as `predict` does, by a name's suffix; return what to say.

    Raises:
        UsageError: there is such a file, or nothing is written under such a suffix.
        MissingExtraError: what draws or writes it is not installed.
        OSError: it cannot be written.
    """
    from dense_cli.writers import target
    from dense_cli.writers.formats import FORMATS, format_of
    from dense_cli.writers.write import require_fit, write
    from dense_cli.writers.writer import TableOptions

    if os.path.lexists(name):
        raise UsageError(f"{name}: there is such a file: choose another name")
    suffix = os.path.splitext(name)[1].lower().removeprefix(".")
    if suffix in _PICTURES:
        from dense_cli.pictures.files import drawn

        data = drawn(picture, suffix, 150, lambda text: None)
        with target.open_output(name) as out:
            out.write(data)
        return f"{name}: the picture"
    run = viewed.samples.run_of(positions)
    format = format_of(name)
    require_fit(run, format)
    options = TableOptions(None, 4, Screen())
    if FORMATS[format].folder:
        with target.open_folder(name) as folder:
            write(run, folder, format, options)
    else:
        with target.open_output(name) as out:
            write(run, out, format, options)
    return f"{name}: the rows of {len(positions)} {'sample' if len(positions) == 1 else 'samples'}, {format}"


def explanation(viewed: Viewed, position: int, row: int, screen: Screen, width: int) -> list[str]:
    """Return what the likeliest class of a row has more of than the second.

    Raises:
        UsageError: there is no layer to explain.
    """
    from dense_cli.writers.cells import Cells
    from dense_cli.writers.explanation import explanation as explain
    from dense_cli.writers.rich_table import render_fitting
    from dense_cli.writers.writer import TableOptions

    result, i = viewed.explained(position, row)
    plain = Screen(width, encoding=screen.encoding)
    run = viewed.samples.run
    made = explain(Cells(run, run.view, TableOptions(None, 4, plain)), result, i)
    columns = dict(zip(made.columns, map(list, zip(*made.rows, strict=True)), strict=True))
    # Where there is little room, the difference of the two weights says enough.
    weights = [column.header for column in made.columns if column.header.startswith("weight of")]
    table, _ = render_fitting(columns, weights, plain)
    lines = [made.title, "", *table]
    return lines if made.conclusion is None else [*lines, "", made.conclusion]
