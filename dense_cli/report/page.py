"""A report → HTML: everything in one file, no address in it, readable without its script.

In: a `reporting.Report` and the command line. Out: the bytes of the page. All text goes through `escape`, and
the page has a policy of its own: nothing but its style and its script, named by their hashes, and pictures
that are inside of it. So a name from a file is text wherever it stands.
"""

from __future__ import annotations

import platform
from importlib.resources import files
from itertools import chain

import numpy as np

from dense_cli import __version__
from dense_cli.report.against import against_section
from dense_cli.report.figures import figure
from dense_cli.report.html import content_hash, escape, table
from dense_cli.report.samples import samples_section
from dense_cli.reporting import Report
from dense_cli.writers.summary import accuracy_line, summary_line


def page(report: Report, command: str) -> bytes:
    """Return the page of a report; ``command`` is what was typed."""
    css, js = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    own = f"style-src '{content_hash(css)}'; script-src '{content_hash(js)}'"
    policy = f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"
    title = f"{report.run.input_name}: what the layer puts out"
    body = chain(
        [f"<main><h1>{escape(title)}</h1>"],
        _facts(report, command),
        _findings(report),
        against_section(report),
        ["<h2>All rows</h2>"],
        map(figure, report.pictures),
        samples_section(report),
        ["</main>"],
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{css}</style></head><body>",
            *body,
            f"<script>{js}</script></body></html>\n",
        ]
    ).encode("utf-8", "replace")


def _facts(report: Report, command: str) -> list[str]:
    totals = report.totals
    lines = [escape(line) for line in report.title]
    lines.append(escape(summary_line(totals, report.run, 4)))
    if report.run.targets is not None:
        lines.append(escape(accuracy_line(totals, 4)))
    rows = [
        [escape(file.what), escape(file.name), f"{file.size:,}", f"<code>{file.digest}</code>"]
        for file in report.files
    ]
    versions = f"densecli {__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    return [
        f"<p>{'<br>'.join(lines)}</p>",
        f"<pre>{escape(command)}</pre>",
        table("Files that were read", ["what", "file", "bytes", "SHA-256"], rows, {2}),
        f"<p>{escape(versions)}</p>",
    ]


def _findings(report: Report) -> list[str]:
    if not report.findings:
        return ["<h2>Checks</h2><p>No finding.</p>"]
    rows = [[escape(found.check), escape(found.evidence), escape(found.advice)] for found in report.findings]
    return ["<h2>Checks</h2>", table("What is wrong", ["check", "evidence", "advice"], rows)]
