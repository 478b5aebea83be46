"""What is run on what: a `Plan`, made once from options, and the `Run` that opening it gives.

In: an array or the path of one, and options by the names that the command line has for them. Out: one
`Result` a block of rows, in order. A plan is plain data and pickles: a command, a script, a screen or a
worker of a cluster that holds one can run it. Nothing here knows Click or a screen; what is to be said
beside the data goes through ``note``, and how far it got through ``progress``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dense_cli.errors import ShapeError, UsageError
from dense_cli.head import (
    BuiltHead,
    HeadOptions,
    activation_of_model,
    build_activation,
    build_head,
    head_of_model,
    require_defaults,
)
from dense_cli.portable import processors
from dense_cli.progress import Progress
from dense_cli.run import Run
from dense_cli.run_options import check_options
from dense_cli.sources.open import as_it_is, no_note
from dense_cli.text import shape_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dense_cli.models.functional import Functional, Seen
    from dense_cli.models.open import OpenedModel
    from dense_cli.models.parts import Part
    from dense_cli.sources.masks import Mask
    from dense_cli.sources.open import Request, Values
    from dense_cli.sources.source import Source
    from dense_cli.sources.text_input import TextOptions
    from dense_cli.views.evaluate import Result

    Keep = Callable[[Source], Source]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Plan(HeadOptions):
    """A head on an input, and what is asked of every row; the options of `HeadOptions` make the head.

    Args:
        input: an array (batch, …, features), or the path of one; ``-`` is standard input; several paths, or a
            folder, are pieces of one array. Without ``units``, ``weights``, ``logits`` and ``scores`` it
            holds distributions: rows sum to 1.
        model: the path of a model that takes the input; of several inputs, their names to arrays or paths.
        until: the layer of the model whose output is shown; None: the model's output.
        logits: the input holds logits, and the activation (softmax) is all that runs.
        scores: the input holds finished scores, each class by itself.
        input_labels: the path of the vocabulary of an input that is text, one sample a line, for a model.
        input_padding: where padding stands: ``pre``, before the words, or ``post`` (the default), after them.
        reverse: whether the order of a text's steps is reversed, padding included.
        input_format: a name of the table of formats; None: by the suffix, else by the first bytes.
        input_dtype: what the raw bytes of an NPY are: ``bfloat16``, ``float8_e4m3fn`` or ``float8_e5m2``.
        axes: the names of the input's axes, with commas between them; None: batch, time, …, features.
        key: which array of a file that holds several.
        columns: which columns of a CSV, by names, positions and slices with commas between them.
        batch: only these samples, an index or a slice, or several in the order wanted.
        times: the time steps that are given one after another, all of them if empty; None: sample by sample.
        lengths, mask: the path (or folder) of an array that says which time steps are not padding.
        padding: where ``lengths`` has it: ``pre``, before the steps, or ``post`` (the default), after them.
        mask_value: steps whose features all equal it are padding.
        labels: the path of the classes' names.
        labels_key: which member of a JSON object holds them.
        targets, ignore_index: the path of the classes that rows should have; which of them do not count.
        eos: the label, or ``#N``, of the class that ends a sample: steps after the first do not count.
        pad: that of the class whose steps do not count.
        show: ``probabilities``, ``log-probabilities``, ``logits`` or ``classes``.
        top_k: only so many of the likeliest classes.
        measures: of ``confidence``, ``margin``, ``entropy``, ``perplexity``.
        sort: rows in order of ``confidence``, ``margin``, ``entropy`` or ``loss``, the doubtful ones first.
        unsure: only rows whose margin is below it.
        wrong: only rows whose class is not that of ``targets``.
        feature_names: the path of the features' names, for explanations; None: those of a CSV's header.
        temperature: divides the logits.
        explain: the class whose logit is explained: a number, a label, or ``auto``.
        threads: blocks computed at once; None: one per processor.
        memory: bytes that blocks, and what must be held whole, may take.

    >>> import numpy as np
    >>> plan = Plan(np.array([[1.0, 2.0], [3.0, 4.0]]), units=2, kernel_initializer="identity")
    >>> [result.classes.tolist() for result in plan.run()]
    [[1, 1]]
    """

    input: str | Sequence[str] | NDArray[Any] | Mapping[str, Any] = field(kw_only=False)
    model: str | None = None
    until: str | None = None
    logits: bool = False
    scores: bool = False
    input_labels: str | None = None
    input_padding: str | None = None
    reverse: bool = False
    input_format: str | None = None
    input_dtype: str | None = None
    axes: str | None = None
    key: str | None = None
    columns: str | None = None
    batch: int | slice | tuple[int | slice, ...] | None = None
    times: tuple[int | slice, ...] | None = None
    lengths: str | Sequence[str] | NDArray[Any] | None = None
    padding: str | None = None
    mask: str | Sequence[str] | NDArray[Any] | None = None
    mask_value: float | None = None
    labels: str | None = None
    labels_key: str | None = None
    targets: str | Sequence[str] | None = None
    ignore_index: int | None = None
    eos: str | None = None
    pad: str | None = None
    show: str = "probabilities"
    top_k: int | None = None
    measures: tuple[str, ...] = ()
    sort: str | None = None
    unsure: float | None = None
    wrong: bool = False
    temperature: float = 1.0
    explain: str | None = None
    feature_names: str | None = None
    threads: int | None = None

    def open(
        self,
        *,
        note: Callable[[str], None] = no_note,
        progress: Progress | None = None,
        source: Source | None = None,
        keep: Keep = as_it_is,
        seen: Seen | None = None,
    ) -> Run:
        """Open the input and what goes with it, and make the head.

        Args:
            note, progress: what is told beside the data, and how far it got.
            source, keep: an input that is open; what of an opened one gives the one that is read.
            seen: of a model, gets what every call of a layer takes and gives; see `Functional.call_each`.

        Raises:
            UsageError: options contradict each other.
            DenseCliError, OSError: an input is not what it should be, or options do not fit it.
        """
        from dense_cli.sources.arrays import ArraySource

        opened = self._open_model(seen, note, keep) if self.model is not None else None
        names: list[str] = []  # of features, where a header has them
        source = opened.source if opened else source or keep(self.open_source(note=note, names=names))
        # What a mask and targets are for, whichever samples are picked.
        lead = (source.extent if isinstance(source, ArraySource) else source.shape)[:-1]
        if opened is not None:
            lead = (opened.samples, *lead[1:])
        fit = known = None
        if not isinstance(source, ArraySource):
            from dense_cli.sources.fit import watched

            source, fit, known = watched(source, lead)
        if opened is None:
            source = self._picked(source)
        source = self._by_sample(source)
        head = self._build_head(source) if opened is None else self._head_of(opened.part, source)
        dtype = head.dtype if head is not None else self._dtype(source)
        mask = self._open_mask(dtype)
        if mask is not None:
            mask.check((*lead, source.shape[-1]), source.name)
            from dense_cli.sources.front import with_time

            source = with_time(source, mask)
        run = Run(self, source, head, dtype, mask, opened, note, progress or Progress())
        check_options(run)
        run.open_labels()
        run.open_feature_names(names)
        run.open_targets(lead)
        if fit is not None:
            fit.mask, fit.targets = mask, run.targets
            if known is not None:
                fit.check(known)
        run.take_steps()
        run.open_ends()
        return run

    def _by_sample(self, source: Source) -> Source:
        """Give a stream's rows by sample, unless single steps are taken from it as it flows."""
        from dense_cli.sources.arrays import ArraySource

        # Where padding stands before the steps, a sample's are counted before the first of them is given.
        if isinstance(source, ArraySource) or not (self.times is None or self.padding == "pre"):
            return source
        from dense_cli.sources.streamed import in_order

        return in_order(source)

    def _open_model(self, seen: Seen | None, note: Callable[[str], None], keep: Keep) -> OpenedModel:
        """Open the model and its inputs; the arguments are those of `open`."""
        from dense_cli.models.open import open_model

        assert self.model is not None
        self._check_holds()
        because = "--model brings its own layers"
        require_defaults(self, because, but=("activation", "memory"))
        return open_model(
            self.model,
            self.until,
            self.input,
            lambda source: keep(self._picked(source)),
            input_format=self.input_format,
            request=self._request(note),
            memory=self.memory,
            text=self._text_options(note),
            batch=self.picks,
            seen=seen,
            threads=self.threads or processors(),
        )

    def open_inputs(self, model: Functional, note: Callable[[str], None] = no_note) -> list[Source]:
        """Open the inputs of a model, each with the samples that are wanted; ``note`` as in `open`.

        Raises:
            DenseCliError, OSError: an input is not what it should be.
        """
        from dense_cli.models.open import open_inputs

        opened = open_inputs(
            model,
            self.input,
            self.model or "",
            input_format=self.input_format,
            request=self._request(note),
            memory=self.memory,
            text=self._text_options(note),
        )
        return [self._picked(source) for source in opened]

    def _text_options(self, note: Callable[[str], None]) -> TextOptions | None:
        """Return how text becomes samples; None where the input is no text."""
        if self.input_labels is None:
            if self.input_padding is not None or self.reverse:
                option = "--reverse" if self.reverse else "--input-padding"
                raise UsageError(f"{option} is about text: it needs --input-labels FILE")
            return None
        from dense_cli.sources.text_input import TextOptions

        for option in ("input_format", "input_dtype", "key", "columns"):
            if getattr(self, option) is not None:
                name = option.replace("_", "-")
                raise UsageError(f"--{name} is about arrays: with --input-labels INPUT is text")
        return TextOptions(self.input_labels, self.input_padding or "post", self.reverse, note)

    def _picked(self, source: Source) -> Source:
        if not self.picks:
            return source
        from dense_cli.sources.pick import pick

        return pick(source, self.picks)

    @property
    def picks(self) -> tuple[int | slice, ...]:
        """The indices and slices of samples that ``batch`` names; none are all of them."""
        if isinstance(self.batch, tuple):
            return self.batch
        return () if self.batch is None else (self.batch,)

    def _head_of(self, part: Part, source: Source) -> BuiltHead | None:
        """Return the head of a model; None: its last layer is no dense one, and nothing runs after it."""
        file = self.model or ""
        if part.head is not None:
            return head_of_model(part, self.activation, file)
        if self.activation is None:
            return None
        if part.distributions:
            raise UsageError(f"--activation: the layer {part.layer!r} of {file} gives distributions already")
        return activation_of_model(part, self.activation, source.shape[-1] or 0, source.dtype, file)

    def _check_holds(self) -> None:
        """Refuse two answers to what the input holds."""
        if sum((self.has_head, self.logits, self.scores, self.model is not None)) > 1:
            raise UsageError(
                "expected one of --units or --weights, --model, --logits and --scores: what INPUT holds"
            )
        if self.model is not None and self.mask_value is not None:
            raise UsageError("--mask-value is about the input of a layer: a model has its own Masking")
        if self.axes is not None and self.model is not None:
            raise UsageError(
                "--axes is about the input of a layer, or outputs: a model's inputs have its shape"
            )
        if self.until is not None and self.model is None:
            raise UsageError("--until is about a model: it needs --model FILE")
        if self.model is None and (self.input_labels or self.input_padding or self.reverse):
            raise UsageError("--input-labels, --input-padding and --reverse are about a model: --model FILE")

    def open_source(self, *, note: Callable[[str], None] = no_note, names: list[str] | None = None) -> Source:
        """Open the input alone; ``note`` as in `open`, ``names`` gets those of features in a CSV's header."""
        from dense_cli.sources.arrays import ArraySource
        from dense_cli.sources.open import open_source

        self._check_holds()
        if isinstance(self.input, Mapping):
            raise UsageError("several inputs are those of a model: they need --model FILE")
        if isinstance(self.input, Sequence):
            return open_source(self.input, self.input_format, self._request(note, names), self.memory)
        source = ArraySource.of("x", self.input)
        if self.axes is None:
            return source
        from dense_cli.sources.axes import arrange_axes

        return arrange_axes(source, self.axes, self.memory)

    def _request(self, note: Callable[[str], None], names: list[str] | None = None) -> Request:
        """Return what is asked of the reader of an input."""
        from dense_cli.sources.open import Request

        outputs = not self.has_head and self.model is None
        values: Values = "logits" if self.logits else "scores" if self.scores else "probabilities"
        return Request(self.key, outputs, values, self.input_dtype, self.columns, self.axes, note, names)

    def run(self, *, note: Callable[[str], None] = no_note, client: Any = None) -> Iterator[Result]:
        """Give the result of every block, with the array that ``show`` names; results keep their numbers.

        ``client``: a ``distributed.Client``, whose workers compute the same.

        Raises:
            DenseCliError, OSError: as `open` does.
        """
        from dense_cli.cluster import Cluster
        from dense_cli.views.select import owned

        run = self.open(note=note)
        run.spread = client and Cluster(client)
        view = run.view
        if not view.top and view.show != "classes":
            view = view._replace(arrays=(view.values,))
        for _, results in run.groups(view, by_step=False):
            yield from map(owned, results)

    def rows(self, samples: slice) -> Iterator[Result]:
        """Give the results of some samples, in place of those that ``batch`` names."""
        return replace(self, batch=samples).run()

    def _build_head(self, source: Source) -> BuiltHead | None:
        """Return what makes outputs of the input's rows; None: they are finished."""
        features = source.shape[-1] or 0
        if not self.has_head:
            if self.logits:
                return build_activation(self, features, self._dtype(source), source.name)
            require_defaults(self, "INPUT holds finished outputs", but=("dtype", "memory"))
            return None
        try:
            head = build_head(self, features, len(source.shape), source.name)
        except ShapeError as error:
            raise self._for_model(error, source) from None
        if head.distributed and source.shape[1] == 0:
            raise ShapeError(f"{source.name}: expected at least one time step, found shape {source.shape}")
        return head

    def _for_model(self, error: ShapeError, source: Source) -> ShapeError:
        """Return an input's error, which says so where the weights are those of a model that it fits."""
        if self.weights is None:
            return error
        from dense_cli.models.open import fitting_input

        name = fitting_input(self.weights, source.shape, self.memory)
        if name is None:
            return error
        fits = f"{source.name} {shape_text(source.shape)} fits the model's input {name!r}: use -m"
        return ShapeError(str(error), hint=fits)

    def _dtype(self, source: Source) -> np.dtype[Any]:
        """Return the dtype of finished outputs and logits: what is asked for, or the input's own."""
        import numpy as np

        if self.dtype:
            return np.dtype(self.dtype)
        floats = source.dtype.kind == "f" and source.dtype.itemsize <= 8
        return source.dtype.newbyteorder("=") if floats else np.dtype(np.float32)

    def _open_mask(self, dtype: np.dtype[Any]) -> Mask | None:
        """Return the mask that one of lengths, mask and mask_value (of the layer's dtype) asks for."""
        asked = [name for name in ("lengths", "mask", "mask_value") if getattr(self, name) is not None]
        if len(asked) > 1:
            raise UsageError("expected one of --lengths, --mask and --mask-value")
        if self.padding is not None and self.lengths is None:
            raise UsageError("--padding says where --lengths has the padding: it needs --lengths FILE")
        if not asked:
            return None
        from dense_cli.sources.masks import open_mask

        return open_mask(self.lengths, self.mask, self.mask_value, dtype, before=self.padding == "pre")
