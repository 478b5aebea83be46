"""Lines of text → samples of a model that takes token ids, or their one-hot vectors.

In: text, one sample a line, and the vocabulary that the model was trained with. Out: a `StreamSource`.
Words become ids as in Keras' ``Tokenizer.texts_to_sequences``, then padded steps as in ``pad_sequences``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, DenseCliError, FileFormatError, ShapeError
from dense_cli.files.stream import BOM, ByteStream, open_stream
from dense_cli.limits import require_bytes
from dense_cli.sources.open import no_note
from dense_cli.sources.source import Chunk
from dense_cli.sources.streamed import StreamSource
from dense_cli.sources.vocabulary import Names, read_names
from dense_cli.text import glimpse, shape_text

_CHUNK = 1 << 20  # bytes of the samples that are made at once
_NAMED = 10  # words that are named in a note each; of further ones their number
# What Keras' Tokenizer does where its config has nothing to say.
_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


class TextOptions(NamedTuple):
    """How text becomes samples.

    Attributes:
        labels: the path of the vocabulary.
        padding: whether padding stands before the words (``pre``) or after them (``post``).
        reverse: whether the order of the steps, padding included, is reversed.
        note: is told of words that are not in the vocabulary.
    """

    labels: str
    padding: str
    reverse: bool
    note: Callable[[str], None]


class Tokenizer(NamedTuple):
    """Words, their ids, and how a text is split into them.

    Attributes:
        ids: the id of each word.
        filters: characters that separate words as ``split`` does.
        lower: whether a text is made lower case.
        split: what stands between words; None: white space.
        char_level: whether each character is a word.
        oov: the word that stands for those that are not in the vocabulary; None: they are left out.
        num_words: ids from here on count as not in the vocabulary; None: all count.

    https://keras.io/2/api/preprocessing/text/
    """

    ids: Mapping[str, int]
    filters: str = ""
    lower: bool = False
    split: str | None = None
    char_level: bool = False
    oov: str | None = None
    num_words: int | None = None

    def words(self, text: str) -> Iterable[str]:
        """Split a text.

        >>> Tokenizer({}, filters="!,", lower=True, split=" ").words("Well, well!")
        ['well', 'well']
        """
        if self.lower:
            text = text.lower()
        if self.char_level:
            return text
        text = text.translate(dict.fromkeys(map(ord, self.filters), self.split or " "))
        return [word for word in text.split(self.split) if word]

    def id_of(self, word: str) -> int | None:
        """Return the id of a word, None where it is not in the vocabulary."""
        number = self.ids.get(word)
        return None if number is None or (self.num_words and number >= self.num_words) else number


def load_tokenizer(file: str, note: Callable[[str], None] = no_note) -> Tokenizer:
    """Return the tokenizer in a file of any form that `load_labels` takes, pieces of words apart.

    A file without settings of its own splits at white space and takes words as they stand.

    Raises:
        DenseCliError, OSError: the file is not what it should be.
    """
    found = read_names(file, note=note)
    if isinstance(found, str):
        found = [line.removesuffix("\r") for line in found.rstrip("\r\n").split("\n")]
    names = found if isinstance(found, Names) else Names(dict(enumerate(found)))
    if names.pieces:
        raise FileFormatError(
            f"{file}: a tokenizer.json splits words into pieces by rules of its own: expected whole words",
            hint="the tokenizers library makes ids of the text: they go in without --input-labels",
        )
    ids: dict[str, int] = {}
    for number, word in names.by_id.items():
        if ids.setdefault(word, number) != number:
            raise FileFormatError(f"{file}: the word {glimpse(word)} has two ids, {ids[word]} and {number}")
    return Tokenizer(ids) if names.tokenizer is None else _configured(ids, names.tokenizer, file)


def _configured(ids: Mapping[str, int], config: Mapping[str, Any], file: str) -> Tokenizer:
    """Return a tokenizer with the settings of Keras' config."""

    def setting(name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = config.get(name, default)
        if not isinstance(value, kind):
            raise FileFormatError(f"{file}: {name}: no setting of Keras' Tokenizer, found {glimpse(value)}")
        return value

    tokenizer = Tokenizer(
        ids,
        setting("filters", (str, type(None)), _FILTERS) or "",
        setting("lower", bool, True),
        setting("split", str, " "),
        setting("char_level", bool, False),
        setting("oov_token", (str, type(None)), None),
        setting("num_words", (int, type(None)), None),
    )
    if not tokenizer.split and not tokenizer.char_level:
        raise FileFormatError(f"{file}: split: expected what stands between words, found nothing")
    if tokenizer.oov is not None and tokenizer.oov not in ids:
        raise FileFormatError(f"{file}: oov_token: {glimpse(tokenizer.oov)} is no word of word_index")
    return tokenizer


def text_source(
    path: str, options: TextOptions, shape: tuple[int | None, ...], memory: int | None = None
) -> StreamSource:
    """Open text as the samples of a model's input.

    Args:
        path: a file, or ``-``.
        options: what makes ids of words.
        shape: that of the model's input: (batch, time) takes ids, (batch, time, depth) one-hot vectors, or
            ids where the depth is 1. A time of None: each sample is as long as its line.
        memory: as in `open_stream`.

    Raises:
        ShapeError: the model's input is of another kind.
        DenseCliError, OSError: a file is not what it should be.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] is None):
        raise ShapeError(
            f"{path}: text fits an input (batch, time) of ids or (batch, time, depth) of one-hot vectors, "
            f"the model's has shape {shape_text(shape)}"
        )
    tokenizer = load_tokenizer(options.labels, options.note)
    depth = (shape[2] or 1) if len(shape) == 3 else 1
    stream = open_stream(path, memory)
    samples = _Samples(stream, options, tokenizer, shape[1], depth)
    inner: tuple[int | None, ...] = (shape[1], depth)
    if len(shape) == 2 and shape[1] is not None:
        inner = (shape[1],)
        samples.flat = True
    dtype = np.dtype(np.int32 if depth == 1 else np.float32)
    return StreamSource(stream.name, dtype, samples.chunks(), (None, *inner), memory=memory)


class _Samples:
    """Lines → chunks; counts them, and the words that are not in the vocabulary."""

    def __init__(
        self, stream: ByteStream, options: TextOptions, tokenizer: Tokenizer, length: int | None, depth: int
    ) -> None:
        self.flat = False  # whether a sample is one row, its steps the features
        self._stream = stream
        self._options = options
        self._tokenizer = tokenizer
        self._length = length
        self._depth = depth
        self._count = 0
        self._unknown: set[str] = set()
        self._further = 0

    def chunks(self) -> Iterator[Chunk]:
        """Give all samples; those before a fault are given before it is raised."""
        most = max(_CHUNK // (4 * (self._length or 64) * self._depth), 1)
        while True:
            lines, pause = self._stream.lines()
            if not lines:
                break
            for start in range(0, len(lines), most):
                last = start + most >= len(lines)
                yield from self._chunk(lines[start : start + most], pause and last)
        if not self._count:
            raise FileFormatError(f"{self._stream.name}: no data: expected one sample per line of text")
        if self._further:
            self._options.note(f"{self._further} further words are not in {self._options.labels}")

    def _chunk(self, lines: list[bytes], pause: bool) -> Iterator[Chunk]:
        error: DenseCliError | None = None
        rows: list[NDArray[Any]] = []
        first = self._count
        try:
            for line in lines:
                self._count += 1
                rows.append(self._steps(line, f"{self._stream.name}: line {self._count}"))
        except DenseCliError as caught:
            error = caught
        if rows:
            yield self._rows(rows, first, pause)
        if error is not None:
            raise error

    def _rows(self, samples: list[NDArray[Any]], first: int, pause: bool) -> Chunk:
        numbers = np.arange(first, first + len(samples))
        if self.flat:
            return Chunk(np.stack([x[:, 0] for x in samples]), numbers[:, None], pause, whole=True)
        counts = [len(x) for x in samples]
        steps = np.concatenate([np.arange(count) for count in counts])
        places = np.stack([np.repeat(numbers, counts), steps], axis=1)
        return Chunk(np.concatenate(samples), places, pause, whole=True)

    def _steps(self, line: bytes, where: str) -> NDArray[Any]:
        """Return the steps of a line: (time, depth)."""
        try:
            text = (line.removeprefix(BOM) if self._count == 1 else line).removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            found = f"byte {line[error.start]:#04x} at offset {error.start}"
            raise FileFormatError(f"{where}: expected UTF-8 text, found {found}") from error
        ids = self._padded(self._ids(text, where), where)
        if self._options.reverse:
            ids = ids[::-1]
        if self._depth == 1:
            return ids[:, None]
        if ids.max() >= self._depth:
            raise ShapeError(
                f"{where}: word {int(ids.max())} of {self._options.labels}: expected ids below "
                f"{self._depth}, the depth of the model's input"
            )
        require_bytes(len(ids) * self._depth * 4, where, "a sample of one-hot vectors", self._stream.memory)
        vectors = np.zeros((len(ids), self._depth), np.float32)
        vectors[np.arange(len(ids)), ids] = 1
        return vectors

    def _ids(self, text: str, where: str) -> list[int]:
        tokenizer = self._tokenizer
        ids = []
        for word in tokenizer.words(text):
            number = tokenizer.id_of(word)
            if number is None:
                self._tell(word, where)
                number = None if tokenizer.oov is None else tokenizer.ids[tokenizer.oov]
            if number is not None:
                ids.append(number)
        return ids

    def _tell(self, word: str, where: str) -> None:
        """Name a word that is not in the vocabulary, once, with its line."""
        if len(self._unknown) >= _NAMED:
            self._further += word not in self._unknown
        elif word not in self._unknown:
            self._unknown.add(word)
            oov = self._tokenizer.oov
            done = "left out" if oov is None else f"read as {glimpse(oov)}"
            self._options.note(f"{where}: {glimpse(word)} is not in {self._options.labels}: {done}")

    def _padded(self, ids: list[int], where: str) -> NDArray[np.int32]:
        length = len(ids) if self._length is None else self._length
        if len(ids) > length:
            kind, cut = ("characters", "-c") if self._tokenizer.char_level else ("words", "-d ' ' -f")
            raise ShapeError(
                f"{where}: expected at most {length} {kind}, which the model takes, found {len(ids)}",
                hint=f"cut {cut} -{length} keeps the first {length} {kind} of each line",
            )
        if not length:
            raise ShapeError(f"{where}: expected a word at least, found none that is in the vocabulary")
        if max(ids, default=0) >= 1 << 31:
            raise ConfigError(f"{where}: expected ids below 2³¹, found {max(ids)}")
        padded = np.zeros(length, np.int32)
        start = length - len(ids) if self._options.padding == "pre" else 0
        padded[start : start + len(ids)] = ids
        return padded
