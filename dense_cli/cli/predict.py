"""``densecli predict``."""

from __future__ import annotations

from typing import Any

import click

from dense_cli.cli import options as opts


@click.command()
@opts.input_argument
@opts.run_options
def predict(**options: Any) -> None:
    """Run a Dense or TimeDistributed layer on INPUT and print what it puts out.

    INPUT is a JSON, JSON Lines, NPY, NPZ or CSV file, or - for standard input: one sample of features, a
    batch of them (batch, features), or time steps (batch, time, …, features).

    \b
      densecli predict x.json --units 4 --seed 6000
      densecli predict hidden.npy --weights head.npz --top-k 3 --labels tokens.txt
      densecli predict x.npy -u 3 -f npy | densecli slice - --time 0
    """
    from dense_cli.cli import show
    from dense_cli.sources.streamed import in_order

    job = show.Job.open(options, outputs=False)
    job.source = in_order(job.source)
    run, format = job.plan()
    show.write(job, run, format, [(None, job.parts(job.source, run.view))])
