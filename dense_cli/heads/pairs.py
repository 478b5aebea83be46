"""Kernels and biases found by their names, for files that are a flat table of tensors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dense_cli.errors import FileFormatError, ShapeError
from dense_cli.files.tensor import Tensor
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.quantised import Scales
from dense_cli.text import listed

# How kernels are spelled, and how many there may be: each line counts only where no line above does.
_SPELLINGS = [
    (re.compile(rf"(?:(?P<prefix>.*)(?P<sep>{sep}))?(?P<base>{base})(?P<tail>{tail})", re.DOTALL), most)
    for sep, base, tail, most in (
        ("[/.]", "kernel|weight|coef_", "(?::0)?", None),  # "kernel", "fc.weight", Keras 2's "dense/kernel:0"
        ("_", "kernel|weight", "", None),  # "fc_weight", as numpy.savez(fc_weight=...) must spell it
        ("[/._]", "W", "", 1),
        ("[/._]", "w", "", None),  # "fc_w"
        ("[/.]", "coefs_", r"[/._]?\d+", None),  # scikit-learn's list, one array for each layer
        ("[/.]", "weights", "", None),  # "fc/weights" of TensorFlow before Keras
        ("[/.]", "w", r"_\d+", None),  # Paddle's "linear_0.w_0"
        (
            "[/.]",
            r"(?:MatMul|Tensordot)/ReadVariableOp",
            "(?:/resource)?(?::0)?",
            None,
        ),  # TensorFlow's graphs
    )
]
# What the bias beside a kernel is called, the likeliest first.
_BIASES = {
    "kernel": ("bias", "b"),
    "weight": ("bias", "b"),
    "W": ("b", "bias"),
    "w": ("b", "bias"),
    "coef_": ("intercept_",),
    "coefs_": ("intercepts_",),
    "weights": ("biases", "bias"),
    "MatMul/ReadVariableOp": ("BiasAdd/ReadVariableOp",),
    "Tensordot/ReadVariableOp": ("BiasAdd/ReadVariableOp",),
}
# Which kernels are stored as (units, features); of a "w" and of "weights" nobody knows.
_TRANSPOSED = {"weight": True, "coef_": True, "w": None, "weights": None}
_EITHER = "whether that is (features, units) or (units, features)"
# What a matrix is called that is a layer by itself: "fc".
_LAYER = re.compile(
    r"(?:fc|dense|linear|classifier|logits|output|head|lm_head|proj|projection)_?\d*", re.IGNORECASE
)
_NOT_DENSE = re.compile(r".*(recurrent|depthwise|pointwise)", re.DOTALL)
# What is named like a bias, and the names that one of them would go with.
_BIAS_LIKE = re.compile(r"(?P<start>.*[/.])?(?:\w*bias\w*|b|b_\w+|\w+_b|intercept_)(?::0)?", re.DOTALL)
_FILTERS = re.compile(r".*[/.](?:\w+_)?filters?", re.DOTALL)
_WITH_BIAS = (
    "weight",
    "weights",
    "kernel",
    "filters",
    "scale",
    "gamma",
    "kernel:0",
    "gamma:0",
    "weight_v",
    "qweight",
)
# What is looked up, not multiplied by: "embed_tokens", "tok_emb", "word_embeddings"; not "embed_out".
_TABLE = re.compile(
    r"(?:\w*_)?(?:emb|embd|embed|embeds|embedding|embeddings)(?:_(?:tokens|positions|in|table|layer|\d+))?"
    r"|wte|wpe|shared",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Pair:
    """The names of one head's tensors; ``bias`` is None where there is none.

    ``transposed`` is None where the name does not say how the kernel is stored.
    """

    prefix: str
    kernel: str
    bias: str | None
    transposed: bool | None


def pairs(names: Iterable[str]) -> list[Pair]:
    """Return the kernels among ``names``, each with its bias.

    A PyTorch ``weight`` and scikit-learn's ``coef_`` are stored as (units, features), a Keras ``kernel``
    and a ``W`` as (features, units). A ``W`` counts only where it is the only one.

    >>> pairs(["fc.weight", "fc.bias", "norm.scale"])
    [Pair(prefix='fc', kernel='fc.weight', bias='fc.bias', transposed=True)]
    """
    known = list(names)
    for spelling, most in _SPELLINGS:
        found = _match(spelling, known)
        if found and (most is None or len(found) <= most):
            return found
    return []


def find_heads(tensors: Mapping[str, Tensor], file: str) -> Heads:
    """Return a head for every kernel of rank 2 among ``tensors``; those named like no head are not looked at.

    Raises:
        ShapeError: there are kernels, and none of them has rank 2.
        FileFormatError: nothing is named like a kernel.
    """
    heads, others = collect(tensors, tensors)
    if not heads:
        heads = _matrices(tensors)
    heads.tensors, heads.unowned = tensors, _unowned(heads, tensors)
    if not heads and others:
        raise _no_dense(others, file)
    if not heads:
        kind = "convolutions alone, no Dense layer" if any(map(_FILTERS.fullmatch, tensors)) else "no kernel"
        raise FileFormatError(
            f"{file}: {kind}: expected kernel and bias, or weight and bias, found {listed(tensors)}"
        )
    return distinct(heads)


def _no_dense(kernels: list[Tensor], file: str) -> ShapeError:
    """Say what the kernels are, none of which is a matrix: those of convolutions have more axes."""
    conv = [kernel for kernel in kernels if len(kernel.shape) > 2]
    first = (conv or kernels)[0]
    kind = "convolutions alone, no Dense layer: " if len(conv) > 1 or len(first.shape) > 3 else ""
    return ShapeError(
        f"{file}: {kind}{first.name} has rank {len(first.shape)} (shape {first.shape}): "
        f"expected a kernel of rank 2 (features, units)"
    )


def _matrices(tensors: Mapping[str, Tensor]) -> Heads:
    """Return matrices that have the name of a layer of their own, in a file whose other kernels are none."""
    return Heads(
        Head(
            name,
            path=name,
            kernel=tensor,
            bias=None,
            layout_refusal=f"{name} has shape {tensor.shape}, and its name does not say {_EITHER}",
        )
        for name in tensors
        if _LAYER.fullmatch(re.split(r"[/.]", name)[-1]) and len((tensor := tensors[name]).shape) == 2
    )


def collect(names: Iterable[str], tensors: Mapping[str, Tensor]) -> tuple[Heads, list[Tensor]]:
    """Return the heads among ``names``, and the kernels of another rank than 2."""
    heads = Heads()
    others = []
    known = list(names)
    scales = Scales(known, tensors)
    for pair in pairs(known):
        kernel = tensors[pair.kernel]
        if len(kernel.shape) != 2:
            others.append(kernel)
            continue
        bias = None if pair.bias is None else tensors[pair.bias]
        transposed, unknown = _stored_as(pair, kernel, bias)
        one_unit = _one_unit(pair, kernel)
        kernel, refusal = scales.applied(kernel, transposed)
        last = re.split(r"[/.]", pair.prefix)[-1]
        heads.append(
            Head(
                name=pair.prefix or "head",
                path=pair.prefix or pair.kernel,
                kernel=kernel,
                bias=bias,
                transposed=transposed,
                aliases=(pair.kernel,),
                table=pair.bias is None and _TABLE.fullmatch(last) is not None,
                refusal=refusal,
                layout_refusal=unknown,
                activation_refusal=one_unit,
            )
        )
    for name, packed, why in scales.packed():
        heads.append(Head(name, path=name, kernel=packed, bias=None, aliases=(packed.name,), refusal=why))
    return heads, others


def _stored_as(pair: Pair, kernel: Tensor, bias: Tensor | None) -> tuple[bool, str | None]:
    """Return whether a kernel is stored as (units, features), and why that is not known where it is not.

    Where the name does not tell, the bias does: it has one number for each unit.
    """
    if pair.transposed is not None:
        return pair.transposed, None
    rows, columns = kernel.shape
    if rows == columns:
        return False, f"{pair.kernel} has shape {kernel.shape}, and its name does not say {_EITHER}"
    return bias is not None and bias.shape == (rows,), None


def _one_unit(pair: Pair, kernel: Tensor) -> str | None:
    """Why scikit-learn's coefficients of two classes need an activation: they stand in one unit."""
    name = re.split(r"[/.]", pair.kernel.removeprefix(pair.prefix).lstrip("/."))[0]
    units = kernel.shape[0 if pair.transposed else 1]
    if name.startswith(("coef_", "coefs_")) and units == 1:
        return "one unit for two classes, of which a softmax is always 1: expected sigmoid"
    return None


def _unowned(heads: Heads, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the biases that belong to no kernel and have as many numbers as a head without one has units."""
    bare = {head.kernel.name: head.kernel_shape[1] for head in heads if not head.bias and not head.refusal}
    if not bare:
        return ()
    owned = _owned(heads)
    free = [name for name in tensors if name not in owned and _belongs_to_none(name, tensors, bare)]
    shapes = {(units,) for units in bare.values()}
    return tuple(tensor for tensor in map(tensors.__getitem__, free) if tensor.shape in shapes)


def _owned(heads: Heads) -> set[str]:
    """Return the names of the tensors of heads with a bias."""
    return {name for head in heads if head.bias for name in (head.kernel.name, head.bias.name)}


def _belongs_to_none(name: str, tensors: Mapping[str, Tensor], bare: Mapping[str, int]) -> bool:
    """Return whether a tensor is named like a bias, and nothing beside it but kernels without one."""
    match = _BIAS_LIKE.fullmatch(name)
    if match is None:
        return False
    beside = (f"{match['start'] or ''}{other}" for other in _WITH_BIAS)
    return not any(other in tensors and other not in bare for other in beside)


def distinct(heads: Heads) -> Heads:
    """Return ``heads`` where those that share a name go by their first alias, or else by their path."""
    for other in ("alias", "path"):
        count = Counter(head.name for head in heads)
        heads[:] = [
            replace(head, name=head.aliases[0] if other == "alias" else head.path)
            if count[head.name] > 1
            else head
            for head in heads
        ]
    return heads


def _match(pattern: re.Pattern[str], names: list[str]) -> list[Pair]:
    known = set(names)
    found = []
    for name in names:
        match = pattern.fullmatch(name)
        if match is None or _NOT_DENSE.fullmatch(match["prefix"] or ""):
            continue
        start = (match["prefix"] or "") + (match["sep"] or "")
        if known & {
            f"{start}recurrent_kernel{match['tail']}",
            f"{start}MatMul_1/ReadVariableOp{match['tail']}",
        }:  # a cell
            continue
        base, tail = match["base"], match["tail"]
        biases = (start + bias + tail for bias in _BIASES[base])
        bias = next((bias for bias in biases if bias in known), None)
        found.append(Pair(match["prefix"] or "", name, bias, _TRANSPOSED.get(base, False)))
    return found
