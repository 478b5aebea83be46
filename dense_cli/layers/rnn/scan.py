"""The loop over time that the recurrent layers share.

In come sequences ``(batch, time, features)``, the weights for them, and a step: what a cell does with the
projection of one time step and with its states. Out come the outputs and the last states. A product over many
steps projects the inputs; only the recurrent product and the gates run step by step.

Inside, arrays have the samples on their last axis, ``(units, batch)``: each gate is then one contiguous
piece of memory, however few units it has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.errors import ShapeError
from dense_cli.layers.dtype_policy import round_to

Array = NDArray[Any]
Step = Callable[[Array, list[Array]], None]
"""Takes the projection ``(gates * units, batch)`` and changes the states, ``(units, batch)`` each, in place;
the first state is the output."""
InPlace = Callable[[Array], None]

SAMPLES = 512  # at once: the gates of one step should stay in the cache
PROJECTED = 4 << 20  # bytes of projections made by one product


class Scan(NamedTuple):
    """What a loop over time returns."""

    last: Array
    """The last output, ``(batch, units)``."""
    outputs: Array | None
    """All outputs in the order of the steps taken, ``(batch, time, units)``; None if not asked for."""
    states: list[Array]
    """The last states, ``(batch, units)`` each."""


class Options(NamedTuple):
    """How a loop over time runs.

    ``masks_in_time`` says that ``zero_output_for_mask`` holds the mask in the order of time against outputs
    in the order of the steps, which Keras does with ``unroll``. ``state_dtype`` names the Keras dtype that
    the states are rounded to after each step, where that is narrower than what is computed in.
    """

    mask: Array | None = None
    go_backwards: bool = False
    zero_output_for_mask: bool = False
    masks_in_time: bool = False
    return_sequences: bool = True
    state_dtype: str | None = None


def scan(
    x: Array,
    kernel: Array,
    bias: Array | None,
    make_step: Callable[[int], Step],
    states: Sequence[Array],
    sizes: Sequence[int],
    options: Options,
) -> Scan:
    """Run a cell over time.

    Args:
        x: sequences ``(batch, time, features)``, at least one step.
        kernel: ``(features, gates * units)``.
        bias: ``(gates * units,)``, added to the projections, or None.
        make_step: called with a number of samples, gives the cell's step for so many.
        states: ``(batch, size)`` each; they are not changed.
        sizes: the states' sizes; the first is the outputs'.
        options: the mask ``(batch, time)``, the direction, and what is returned.

    Raises:
        ShapeError: other features than the kernel's, or states of other shapes.
    """
    _check(x, kernel, states, sizes)
    x = x.astype(kernel.dtype, copy=False)
    batch, time, _ = x.shape
    mask = options.mask
    if options.go_backwards:
        x = x[:, ::-1]
        mask = None if mask is None else mask[:, ::-1]
    outputs = np.empty((batch, time, sizes[0]), x.dtype) if options.return_sequences else None
    last = [np.empty((batch, size), x.dtype) for size in sizes]
    for start in range(0, batch, SAMPLES):
        rows = slice(start, min(start + SAMPLES, batch))
        running = [np.array(state[rows].T, x.dtype, order="C") for state in states]
        steps = _masked(
            make_step(rows.stop - start), running, None if mask is None else mask[rows], options.state_dtype
        )
        for t, projected in enumerate(_projections(x[rows], kernel, bias)):
            steps(t, projected)
            if outputs is not None:
                outputs[rows, t] = running[0].T
        for whole, state in zip(last, running, strict=True):
            whole[rows] = state.T
    result = Scan(last[0], outputs, last)
    return result if mask is None else mask_outputs(result, mask, options)


def _check(x: Array, kernel: Array, states: Sequence[Array], sizes: Sequence[int]) -> None:
    if x.ndim != 3 or x.shape[-1] != len(kernel):
        raise ShapeError(
            f"last axis is {x.shape[-1]}, the kernel expects {len(kernel)} (shape {x.shape}, expected "
            "(batch, time, features))"
        )
    shapes = [state.shape for state in states]
    expected = [(len(x), size) for size in sizes]
    if shapes != expected:
        raise ShapeError(f"initial_state: expected shapes {expected}, found {shapes}")


def mask_outputs(result: Scan, mask: Array, options: Options) -> Scan:
    """Return outputs as Keras masks them, where masked steps repeat the output before them already.

    What precedes the first step that counts is 0, whatever the initial state was; with
    ``zero_output_for_mask`` every masked step is.

    Args:
        result: the outputs are changed in place.
        mask: ``(batch, time)`` in the order of the steps.
        options: how the loop ran.
    """
    shown = np.logical_or.accumulate(mask, axis=1)
    shown_last = (mask if options.zero_output_for_mask else shown)[:, -1:]
    if options.zero_output_for_mask:
        shown &= mask[:, ::-1] if options.masks_in_time and options.go_backwards else mask
    if result.outputs is not None:
        result.outputs[~shown] = 0
    shown_last = shown_last.reshape(-1, *[1] * (result.last.ndim - 1))
    return result._replace(last=np.where(shown_last, result.last, result.last.dtype.type(0)))


def _projections(x: Array, kernel: Array, bias: Array | None) -> Iterator[Array]:
    """Yield ``x[:, t] @ kernel + bias`` for each step, ``(columns of the kernel, batch)``.

    Steps that are all the same, as after a RepeatVector, are projected once.
    """
    batch, time, features = x.shape
    if time > 1 and _is_repeated(x):
        yield from itertools.repeat(next(_projections(x[:, :1], kernel, bias)), time)
        return
    columns = kernel.shape[1]
    count = max(1, PROJECTED // (columns * batch * x.itemsize))
    for start in range(0, time, count):
        rows = x[:, start : start + count].transpose(1, 0, 2).reshape(-1, features)
        projected = kernel.T @ rows.T
        if bias is not None:
            projected += bias[:, None]
        yield from projected.reshape(columns, -1, batch).transpose(1, 0, 2)


def _is_repeated(x: Array) -> bool:
    """Return whether all steps of all samples are the same; the first sample tells it of most inputs."""
    return all(bool((part[:, 1:] == part[:, :1]).all()) for part in (x[:1], x))


def _masked(
    step: Step, states: list[Array], mask: Array | None, state_dtype: str | None
) -> Callable[[int, Array], None]:
    """Return what takes step ``t``: masked samples keep their states."""

    def take(projected: Array) -> None:
        step(projected, states)
        if state_dtype is not None:
            for state in states:
                state[...] = round_to(state, state_dtype)

    if mask is None:
        return lambda t, projected: take(projected)

    def take_masked(t: int, projected: Array) -> None:
        stays = ~mask[:, t]
        before = [state.copy() for state in states] if stays.any() else []
        take(projected)
        for state, old in zip(states, before, strict=False):
            np.copyto(state, old, where=stays)

    return take_masked


def in_place(activation: Callable[..., Any]) -> InPlace:
    """Return the activation as a function that overwrites gates ``(units, batch)``."""
    known: list[tuple[Callable[..., Any], InPlace]] = [
        (activations.tanh, _tanh),
        (activations.sigmoid, _sigmoid),
        (activations.linear, _linear),
    ]
    for function, step in known:
        if activation is function:
            return step

    def general(gates: Array) -> None:
        gates[...] = activation(gates.T).T

    return general


def _linear(gates: Array) -> None:
    pass


def _tanh(gates: Array) -> None:
    np.tanh(gates, out=gates)


def _sigmoid(gates: Array) -> None:
    np.negative(gates, out=gates)
    np.exp(gates, out=gates)
    gates += 1
    np.reciprocal(gates, out=gates)
