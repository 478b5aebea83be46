"""Where a command computes: here, or on the workers of --cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dense_cli.sources.spread import Spread

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Compute on a Dask cluster: the address of its scheduler, or local[:N], N processes here.",
)


@contextmanager
def workers_of(address: str | None) -> Iterator[Spread | None]:
    """Join or start a cluster for as long as the block takes; None: there is none."""
    if address is None:
        yield None
        return
    from dense_cli.cli.notes import note
    from dense_cli.cluster import open_cluster

    with open_cluster(address, note) as cluster:
        yield cluster
