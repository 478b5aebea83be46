"""``densecli decode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@opts.input_argument
@click.option(
    "--join", default=" ", show_default="a space", metavar="STR", help="What stands between labels."
)
@click.option("--eos", metavar="LABEL", help="The label that ends a line.")
@click.option("--pad", metavar="LABEL", help="A label that is dropped.")
@click.option("--ctc", metavar="BLANK", help="Merge repeats, then drop this label: greedy CTC decoding.")
@click.option("--wordpiece", is_flag=True, help="Join pieces that begin with ## to the word before.")
@opts.labels_option
@opts.layer_options
@opts.weight_options
@opts.measure_option
@opts.mask_options
@opts.input_options
@opts.output_options("text", "jsonl")
@opts.work_options
def decode(**options: Any) -> None:
    """Print one line of text per sample: the labels of the likeliest classes, joined.

    With --units or --weights INPUT is layer input and the layer runs; with neither, it holds finished
    distributions. LABEL is a label, or a class number where there are no labels. In JSON Lines (-f jsonl)
    each sample has its log-probability, perplexity and the confidence of every step.

    \b
      densecli decode hidden.npy --weights head.npz --labels tokens.txt --eos '[SEP]' --wordpiece
      densecli decode frames.npy -w ctc.safetensors --labels letters.txt --ctc _ --join ''
    """
    from dense_cli.cli import show
    from dense_cli.errors import ConfigError
    from dense_cli.sources.labels import load_labels
    from dense_cli.sources.streamed import in_order
    from dense_cli.text import encodable, printable
    from dense_cli.views.decode import Decoder, Rules
    from dense_cli.views.evaluate import View, gives_distributions
    from dense_cli.writers.decode import WRITERS

    format = options["format"] or {"table": "text", "jsonl": "jsonl"}.get(show.output_format(options))
    if format is None:
        raise click.UsageError(f"-o {options['output']}: decode writes text or JSON Lines: -f text, -f jsonl")
    measures = tuple(dict.fromkeys(options["measures"]))
    if measures and format == "text":
        raise click.UsageError("--measure needs -f jsonl: a line of text has no place for it")
    job = show.Job.open(options, outputs=True)
    activation = job.layer.dense.activation if job.layer is not None else None
    probable = gives_distributions(activation) or (activation is not None and activation.name == "sigmoid")
    if format == "jsonl" and activation is not None and not probable:
        raise ConfigError(
            "-f jsonl: a confidence is a probability: expected activation softmax or sigmoid, "
            f"found {activation.name}",
            hint="of logits, -a softmax makes probabilities; the classes stay the same",
        )
    names = load_labels(options["labels"], job.units) if options["labels"] is not None else None
    eos, pad, blank = (_number(options, name, names, job.units) for name in ("eos", "pad", "ctc"))
    if format == "text" and names is not None:
        names = [printable(name) for name in names]  # --join is the user's own and stays as it is
    rules = Rules(names, encodable(options["join"]), eos, pad, blank, options["wordpiece"])
    options["format"] = format
    decoder = Decoder(rules)
    with show.output(options) as out:
        writer = WRITERS[format](out, rules)
        for part in job.parts(in_order(job.source), View(top=1, measures=measures)):
            seen = part.result
            assert seen.top_values is not None
            steps = (part.block.places(), seen.classes, seen.top_values[:, 0], part.mask, seen.measures)
            for line in decoder.add(*steps):
                writer.write(line)
            if part.block.whole:
                for line in decoder.end():
                    writer.write(line)
            if part.block.pause:
                out.flush()
        for line in decoder.end():
            writer.write(line)


def _number(options: dict[str, Any], option: str, names: Sequence[str] | None, units: int) -> int | None:
    """Return the class number of the label that an option names."""
    from dense_cli.errors import ConfigError, nearest

    label = options[option]
    if label is None:
        return None
    if names is not None:
        found = [number for number, name in enumerate(names) if name == label]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(
                f"--{option}: {len(found)} classes are labelled {label!r} in {options['labels']}: "
                f"expected one, found {found[0]} and {found[1]}"
            )
        known = nearest(label, list(names)) if len(names) <= 50 else f"there are {len(names)} labels"
        raise ConfigError(f"--{option}: no label {label!r} in {options['labels']}; {known}")
    if not label.isdecimal() or len(label) > 18 or int(label) >= units:
        raise ConfigError(
            f"--{option}: expected a class number below {units} (there are no --labels), found {label!r}"
        )
    return int(label)
