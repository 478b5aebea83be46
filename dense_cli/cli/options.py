"""Options that commands share: single ones as constants, bundles as one decorator."""

from __future__ import annotations

from collections.abc import Callable

import click

from dense_cli.cli.command import F, Unbounded, bundle, complete
from dense_cli.cli.head_options import layer_options as layer_options
from dense_cli.cli.head_options import weight_options as weight_options
from dense_cli.cli.types import INDEX, NAMED_FILE, SIZE, TEMPERATURE
from dense_cli.files.formats import holding
from dense_cli.writers.formats import FORMATS as OUTPUT_FORMATS

# Several, or a folder, are pieces of one array.
input_argument = click.argument("input", metavar="[INPUT]...", nargs=-1, shell_complete=complete("arrays"))


def input_format_option(what: str) -> Callable[[F], F]:
    """Return --input-format, whose --help names the formats in its text: they are wider than a screen."""
    formats = holding("arrays")
    return click.option(
        "--input-format",
        type=click.Choice(formats),
        metavar="FORMAT",
        help=f"{what}: {', '.join(formats)}; default: by suffix, else by the first bytes.",
    )


key_option = click.option("--key", metavar="NAME", help="Which array of a file that holds several.")

input_options = bundle(
    input_format_option("Format of INPUT"),
    click.option(
        "--input-dtype",
        type=click.Choice(["bfloat16", "float8_e4m3fn", "float8_e5m2"]),
        help="What the raw bytes of an NPY are, which NumPy has no dtype for.",
    ),
    key_option,
    click.option(
        "--columns",
        metavar="COLUMNS",
        help="Which columns of a table, with commas between them: names, positions, slices such as 1:.",
    ),
    click.option(
        "--axes",
        metavar="NAMES",
        help="Which axes INPUT has, in order: time,classes or time,batch,classes or batch,classes,time.",
    ),
    click.option(
        "-b",
        "--batch",
        type=INDEX,
        multiple=True,
        metavar="SLICE",
        help="Only these samples: an index or a slice such as 1:3; repeatable.",
    ),
)

named_inputs_option = click.option(
    "--input",
    "inputs",
    type=NAMED_FILE,
    multiple=True,
    metavar="NAME=FILE",
    help="An input of a model of several, in place of INPUT; repeatable.",
)

text_options = bundle(
    click.option(
        "--input-labels",
        metavar="FILE",
        shell_complete=complete("names"),
        help="INPUT is text, one sample a line: the vocabulary that makes ids of its words.",
    ),
    click.option(
        "--input-padding",
        type=click.Choice(["pre", "post"]),
        help="Padding stands before the words or after them.  [default: post]",
    ),
    click.option("--reverse", is_flag=True, help="The steps of a text in reverse order, padding included."),
)

model_options = bundle(
    click.option(
        "-m",
        "--model",
        metavar="FILE",
        shell_complete=complete("models"),
        help="INPUT is that of a saved model (.keras, .h5, .onnx).",
    ),
    click.option(
        "--until",
        metavar="LAYER",
        shell_complete=complete("layers"),
        help="The layer of the model whose output is shown.",
    ),
    named_inputs_option,
    text_options,
)

temperature_option = click.option(
    "--temperature",
    type=TEMPERATURE,
    default=1.0,
    cls=Unbounded,
    metavar="T",
    help="Divides the logits: above 1 less sure, below 1 surer.  [default: 1]",
)

holds_options = bundle(
    model_options,
    click.option("--logits", is_flag=True, help="INPUT holds logits: softmax (or -a) is all that runs."),
    temperature_option,
    click.option(
        "--scores", is_flag=True, help="INPUT holds finished scores, each class by itself (sigmoids)."
    ),
)

mask_options = bundle(
    click.option(
        "--lengths",
        metavar="FILE",
        shell_complete=complete("arrays"),
        help="Time steps of each sample that are not padding, (batch,).",
    ),
    click.option(
        "--padding",
        type=click.Choice(["pre", "post"]),
        help="Where --lengths has the padding: before the steps or after them.  [default: post]",
    ),
    click.option(
        "--mask",
        metavar="FILE",
        shell_complete=complete("arrays"),
        help="Which time steps count, (batch, time), true or 1 where they do.",
    ),
    click.option(
        "--mask-value",
        type=float,
        metavar="V",
        help="Steps whose features all equal V are padding, as Keras' Masking layer has it.",
    ),
)

top_option = click.option(
    "-k",
    "--top-k",
    type=click.IntRange(min=1),
    cls=Unbounded,
    metavar="K",
    help="Only the K likeliest classes, ties by lower class number.",
)
labels_options = bundle(
    click.option(
        "--labels",
        metavar="FILE",
        shell_complete=complete("names"),
        help="Names of the classes: one per line, or JSON (a list, word_index, id2label, a tokenizer, …).",
    ),
    click.option(
        "--labels-key",
        metavar="NAME",
        help="Which member of a JSON object, or of an ONNX file's metadata, holds the labels.",
    ),
)
ends_options = bundle(
    click.option(
        "--eos", metavar="LABEL", help="The label that ends a sample; what comes after it does not count."
    ),
    click.option("--pad", metavar="LABEL", help="A label whose steps do not count."),
)
show_option = click.option(
    "--show",
    type=click.Choice(["probabilities", "log-probabilities", "logits", "classes"]),
    default="probabilities",
    show_default=True,
    help="What is shown.",
)

measure_option = click.option(
    "--measure",
    "measures",
    type=click.Choice(["confidence", "margin", "entropy", "perplexity"]),
    multiple=True,
    help="A measure of each row; repeatable. Entropy is in nats.",
)
ignore_index_option = click.option(
    "--ignore-index", type=int, metavar="N", help="Targets that do not count, such as -100."
)
targets_options = bundle(
    click.option(
        "--targets",
        metavar="FILE",
        shell_complete=complete("arrays"),
        help="The classes that rows should have, numbers or labels: adds rank, loss and the accuracy.",
    ),
    ignore_index_option,
)
measure_options = bundle(
    measure_option,
    targets_options,
    click.option(
        "--explain",
        metavar="CLASS",
        help="What a class's logit is made of: a number, a label, or auto (the first against the second); "
        "softmax takes the softmax of the row apart.",
    ),
    click.option(
        "--feature-names",
        metavar="FILE",
        shell_complete=complete("names"),
        help="Names of the features for --explain, in the forms of --labels; default: a CSV's header.",
    ),
)

precision_option = click.option(
    "--precision",
    type=click.IntRange(0, 17),
    cls=Unbounded,
    default=4,
    show_default=True,
    metavar="N",
    help="Digits after the point in a table.",
)

select_options = bundle(
    click.option(
        "--sort",
        type=click.Choice(["confidence", "margin", "entropy", "loss"]),
        help="Rows in this order, those that deserve a look first: the least sure, or the largest loss.",
    ),
    click.option(
        "--unsure",
        type=click.FloatRange(0, 1),
        cls=Unbounded,
        is_flag=False,
        flag_value=0.1,
        metavar="[X]",
        help="Only rows whose two likeliest classes are less than X apart.  [X: 0.1]",
    ),
    click.option("--wrong", is_flag=True, help="Only rows whose class is not that of --targets."),
)

table_options = bundle(
    click.option(
        "-n",
        "--limit",
        type=click.IntRange(min=1),
        cls=Unbounded,
        default=20,
        show_default=True,
        metavar="N",
        help="Rows of a table at most.",
    ),
    click.option("--all", "show_all", is_flag=True, help="All rows of a table."),
    precision_option,
)


def output_options(*formats: str) -> Callable[[F], F]:
    """Return -f and -o for these formats, of which the first is the default."""
    return bundle(
        click.option(
            "-f",
            "--format",
            type=click.Choice(formats),
            metavar="FORMAT",
            help=f"{', '.join(formats)}; default: by the suffix of -o, else {formats[0]}.",
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            shell_complete=complete("anything"),
            help="Write to FILE, whole or not at all.",
        ),
    )


memory_option = click.option(
    "--memory", type=SIZE, metavar="SIZE", help="What may be held whole.  [default: 4GiB]"
)

no_progress_option = click.option("--no-progress", is_flag=True, help="No progress bar on a terminal.")

work_options = bundle(
    click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        cls=Unbounded,
        metavar="N",
        help="Blocks computed at once; default: one per processor.",
    ),
    no_progress_option,
    click.option(
        "--memory",
        type=SIZE,
        metavar="SIZE",
        help="What blocks, and arrays that are held whole, may take.  [default: 64MiB for blocks]",
    ),
)

# How outputs come to be: what is held, the layer, its weights, and the steps that count.
head_options = bundle(
    holds_options,
    layer_options,
    weight_options,
    mask_options,
)

# What predict and slice have in common, which is all that a run can be asked.
run_options = bundle(
    head_options,
    top_option,
    labels_options,
    ends_options,
    show_option,
    measure_options,
    select_options,
    input_options,
    table_options,
    output_options(*OUTPUT_FORMATS),
    work_options,
)
