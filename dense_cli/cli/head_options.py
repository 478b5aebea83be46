"""The options of a head: how a layer is seeded, and where the weights of a trained one are."""

from __future__ import annotations

import click

from dense_cli.cli.command import Unbounded, bundle, complete

layer_options = bundle(
    click.option(
        "-u",
        "--units",
        type=click.IntRange(1, 2**63 - 1),
        cls=Unbounded,
        metavar="N",
        help="INPUT is that of a seeded layer with N classes.",
    ),
    click.option(
        "-s",
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        cls=Unbounded,
        metavar="N",
        help="Seed of the initializers.  [default: 0]",
    ),
    click.option(
        "-l",
        "--layer",
        type=click.Choice(["auto", "dense", "time-distributed"]),
        default="auto",
        show_default=True,
        help="auto: Dense for 1-D and 2-D input, TimeDistributed from 3-D.",
    ),
    click.option(
        "-a",
        "--activation",
        metavar="NAME",
        help="Any Keras activation.  [default: softmax, or what the weights file says]",
    ),
    click.option(
        "--kernel-initializer",
        metavar="SPEC",
        default="glorot_uniform",
        show_default=True,
        help="A Keras name, a call pasted from Keras code, or Keras' JSON config.",
    ),
    click.option("--bias-initializer", metavar="SPEC", default="zeros", show_default=True, help="Likewise."),
    click.option("--no-bias", is_flag=True, help="use_bias=False."),
    click.option(
        "--rng",
        type=click.Choice(["numpy", "jax", "tensorflow", "torch"]),
        help="Whose random numbers the seed means: those of Keras 3 on that backend. Default: what a pasted "
        "name tells (tf.keras…), else KERAS_BACKEND, else tensorflow.",
    ),
    click.option(
        "--global-seed",
        type=click.IntRange(0, 2**32 - 1),
        cls=Unbounded,
        metavar="N",
        help="keras.utils.set_random_seed(N) just before the layer is made, in place of --seed.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float16", "float32", "float64"]),
        help="What the layer computes and prints.  [default: float32]",
    ),
)

weight_options = bundle(
    click.option(
        "-w",
        "--weights",
        metavar="FILE",
        shell_complete=complete("weights"),
        help="INPUT is that of a trained layer (hidden states): its weights.",
    ),
    click.option(
        "--head",
        metavar="NAME",
        shell_complete=complete("heads"),
        help="Which head of the weights file; default: the only one, or the model's output.",
    ),
    click.option(
        "--bias", metavar="NAME", help="Which array of the weights file is the bias; default: the head's own."
    ),
    click.option(
        "--transpose/--no-transpose",
        default=None,
        help="Whether the kernel is stored as (units, features); default: by its name (`weight` is).",
    ),
)
