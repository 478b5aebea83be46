"""The options of a plan → a model, its inputs, and the rows that its last layer is given.

In: the path of a model and of its inputs. Out: an `OpenedModel`: a source of hidden states, the head that
makes outputs of them, and what is known of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from dense_cli.addresses import without_secrets
from dense_cli.errors import ConfigError, DenseCliError, ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.models.functional import Seen
from dense_cli.models.inputs import fits
from dense_cli.models.parts import Part, part_of
from dense_cli.models.source import gives_mask, model_source
from dense_cli.saving.load import load_model
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import Request, open_source
from dense_cli.sources.pick import Batch, wanted
from dense_cli.sources.source import Source
from dense_cli.sources.streamed import in_order
from dense_cli.text import listed, shape_text

if TYPE_CHECKING:
    from dense_cli.models.outputs import LayeredModel, ModelLayer
    from dense_cli.sources.text_input import TextOptions

Input = str | Sequence[str] | NDArray[Any] | Mapping[str, Any]


class OpenedModel(NamedTuple):
    """A model on its inputs.

    Attributes:
        part: what is run of it.
        source: the rows of the body's output.
        inputs: the sources of the model's inputs, of the samples that were picked.
        samples: how many samples there are before any were picked; None: not known.
        masked: whether the output has a mask.
        size: how many samples run at once; None: as it suits.
    """

    part: Part
    source: Source
    inputs: list[Source]
    samples: int | None
    masked: bool
    size: int | None


def open_model(
    file: str,
    until: str | None,
    given: Input,
    pick: Callable[[Source], Source],
    *,
    input_format: str | None = None,
    request: Request = Request(),
    memory: int | None = None,
    text: TextOptions | None = None,
    batch: Batch = (),
    seen: Seen | None = None,
    threads: int = 1,
) -> OpenedModel:
    """Open a model and its inputs.

    Args:
        file: a ``.keras``, ``.h5`` or ``.onnx`` file.
        until: the layer whose output is shown; None: the model's output.
        given: an array, the path or paths of one, or a mapping from the names of inputs to arrays or paths.
        pick: gives the source of the samples that are wanted.
        input_format, request, memory: as in `sources.open.open_source`.
        text: the input is text, one sample a line, and becomes samples in this way.
        batch: which samples ``pick`` picks.
        seen: gets what every call takes and gives, block by block; see `Functional.call_each`.
        threads: how many blocks are computed at once.

    Raises:
        DenseCliError, OSError: the model, or an input, is not what it should be.
    """
    part, size = open_part(file, until, memory, watched=seen is not None)
    opened = open_inputs(
        part.body, given, file, input_format=input_format, request=request, memory=memory, text=text
    )
    total = opened[0].shape[0]
    inputs = [pick(source) for source in opened]
    numbers = None if total is None else wanted(range(total), batch, opened[0].name)
    try:
        source = model_source(part.body, inputs, numbers, size, seen, threads)
    except ShapeError as error:
        hint = error.hint or _hint_of_head(file, inputs, memory)
        raise ShapeError(str(error), hint=hint) from None
    return OpenedModel(part, source, inputs, total, size is None and gives_mask(part.body), size)


def _hint_of_head(file: str, inputs: list[Source], memory: int | None) -> str | None:
    """Say that the one input fits the model's head, where it does."""
    from dense_cli.heads import heads, select

    if len(inputs) > 1:
        return None
    try:
        head = select(heads(file, memory=memory), None, file)
    except (DenseCliError, OSError):
        return None
    source = inputs[0]
    if source.shape[-1] != head.kernel_shape[0]:
        return None
    return f"{source.name} {shape_text(source.shape)} fits the model's head {head.name!r}: use -w"


def open_layers(file: str, memory: int | None = None) -> LayeredModel:
    """Return a model that shows what each of its layers puts out.

    Raises:
        DenseCliError, OSError: the model is not what it should be.
    """
    from dense_cli.models.outputs import LayeredModel, layers_of, output_operations

    if not is_onnx(file):
        model = load_model(file)
        require_inputs(model, file)
        return LayeredModel.of(model)
    from dense_cli.models.onnx_graph import read_graph

    graph = read_graph(file, memory)
    graph.open()
    fixed = graph.inputs[0].shape[0] is not None
    outputs = [x.name for x in graph.outputs]
    return LayeredModel(layers_of(graph), graph, outputs, output_operations(graph), {}, graph.size, fixed)


def list_layers(file: str, memory: int | None = None) -> list[ModelLayer]:
    """Return the layers of a model, which is not run.

    Raises:
        DenseCliError, OSError: the model is not what it should be.
    """
    from dense_cli.models.outputs import layers_of

    if not is_onnx(file):
        return layers_of(load_model(file))
    from dense_cli.models.onnx_graph import read_graph

    return layers_of(read_graph(file, memory))


def open_part(
    file: str, until: str | None, memory: int | None, *, watched: bool = False
) -> tuple[Part, int | None]:
    """Return what is run of a file, and how many samples at once; None: as it suits."""
    if is_onnx(file) and watched:
        from dense_cli.models.onnx_graph import open_watched

        graph, name, distributions = open_watched(file, until, memory)
        return Part(graph, None, False, name, distributions), graph.size
    if is_onnx(file):
        from dense_cli.models.onnx import open_onnx

        body, name, distributions = open_onnx(file, until, memory)
        return Part(body, None, False, name, distributions), body.size
    model = load_model(file)
    require_inputs(model, file)
    return part_of(model, until, file), None


def open_inputs(
    model: Any,
    given: Input,
    file: str,
    *,
    input_format: str | None = None,
    request: Request = Request(),
    memory: int | None = None,
    text: TextOptions | None = None,
) -> list[Source]:
    """Return a source for each input of a model, in order; the arguments are those of `open_model`."""
    if text is not None:
        return [_open_text(model, given, file, text, memory)]
    names = [x.name for x in model.inputs]
    return [in_order(source) for source in _sources(given, names, file, request, input_format, memory)]


def _open_text(model: Any, given: Input, file: str, text: TextOptions, memory: int | None) -> Source:
    from dense_cli.sources.text_input import text_source

    if len(model.inputs) > 1:
        names = listed(x.name for x in model.inputs)
        raise ConfigError(f"{file}: text goes into a model of one input, this one has {names}")
    if not isinstance(given, str):
        found = f"{len(given)} of them" if isinstance(given, (tuple, list)) else type(given).__name__
        raise ConfigError(f"{file}: expected the path of a text, found {found}")
    return text_source(given, text, model.inputs[0].shape, memory)


def require_inputs(model: Any, file: str) -> None:
    """Refuse a model of which nobody knows what it takes.

    Raises:
        ConfigError: it was saved without the shape of its input.
    """
    if getattr(model, "inputs", None) is None:
        raise ConfigError(f"{file}: the model was saved without the shape of its input: it cannot be run")


def fitting_input(file: str, shape: Shape, memory: int | None = None) -> str | None:
    """Return the name of the model's one input where an array of ``shape`` fits it.

    None: it does not, or the file is no model.
    """
    try:
        inputs = _shapes_of_inputs(file, memory)
    except (DenseCliError, OSError):
        return None
    fitting = [name for name, own in inputs.items() if fits(shape, own)]
    return fitting[0] if len(inputs) == len(fitting) == 1 else None


def _shapes_of_inputs(file: str, memory: int | None) -> dict[str, Shape]:
    if is_onnx(file):
        from dense_cli.models.onnx import shapes_of_inputs

        return shapes_of_inputs(file, memory)
    return {x.name: x.shape for x in getattr(load_model(file), "inputs", None) or []}


def is_onnx(file: str) -> bool:
    """Whether a model is ONNX Runtime's to run, by its name."""
    return without_secrets(file).lower().endswith(".onnx")


def _sources(
    given: Input,
    names: list[str],
    file: str,
    request: Request,
    input_format: str | None,
    memory: int | None,
) -> list[Source]:
    """Return a source for each input of a model, in order."""

    def opened(value: Any, key: str | None) -> Source:
        if isinstance(value, (str, tuple, list)):
            return open_source(value, input_format, request._replace(key=key), memory)
        return ArraySource.of("x", value)

    if isinstance(given, Mapping):
        if set(given) != set(names):
            raise ConfigError(f"{file}: expected the inputs {listed(names)}, found {listed(map(str, given))}")
        return [opened(given[name], request.key) for name in names]
    if len(names) == 1:
        return [opened(given, request.key)]
    first = given[0] if isinstance(given, (tuple, list)) else given
    path = first if isinstance(first, str) and first != "-" else None
    if path is None or _holds_one(path):
        one = "" if path is None else f", and {path} holds one array"
        raise ConfigError(
            f"{file}: the model has {len(names)} inputs, {listed(names)}{one}",
            hint="an NPZ or a JSON object has them by name, or --input NAME=FILE each",
        )
    return [opened(path, name) for name in names]


def _holds_one(path: str) -> bool:
    """Whether a file is of a format that holds a single array, by its suffix."""
    from dense_cli.files.formats import by_suffix

    row = by_suffix(path, "arrays")
    return row is not None and row.name in ("npy", "csv", "tsv", "jsonl")
