"""What the metadata of a Zarr array say: version 2 (``.zarray``) and 3 (``zarr.json``).

The formats: https://zarr-specs.readthedocs.io/en/latest/specs.html
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dense_cli.errors import DtypeError, FileFormatError
from dense_cli.files.dtypes import BITS, require_numeric
from dense_cli.files.zarrcodecs import known
from dense_cli.text import glimpse

_V3_TYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", *BITS),
}
_COMPRESSORS = ("gzip", "zlib", "bz2", "lzma", "zstd", "blosc", "lz4")
_FLOATS = ("float16", "float32", "float64")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")


@dataclass(frozen=True)
class Codecs:
    """How the numbers of a chunk are stored: the order of their axes, byte order, what packs the bytes."""

    axes: tuple[int, ...]
    byte_order: Literal["<", ">"]
    packing: tuple[str, ...]


@dataclass(frozen=True)
class Sharding:
    """How a shard holds chunks: its own shape, how its index is packed, and whether that stands in front."""

    shape: tuple[int, ...]
    index: Codecs
    in_front: bool


@dataclass(frozen=True)
class ZarrMeta:
    """An array as its metadata describe it.

    Attributes:
        shape: its shape.
        chunks: the shape of the chunks that are packed one by one.
        dtype: the dtype of its numbers, by NumPy's name; also bfloat16 and the kinds of float8.
        codecs: how a chunk is stored.
        fill: the number of chunks that are not stored; None: nobody says.
        prefix, separator: what the name of a chunk's file begins with, and what stands between its numbers.
        sharding: where files hold many chunks.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    codecs: Codecs
    fill: float | int | bool | None
    prefix: str
    separator: str
    sharding: Sharding | None = None

    @property
    def stored(self) -> np.dtype[Any]:
        """The dtype of the numbers as they stand in a chunk."""
        return np.dtype(BITS.get(self.dtype, self.dtype)).newbyteorder(self.codecs.byte_order)

    @property
    def chunk_bytes(self) -> int:
        """How many bytes the numbers of a chunk take."""
        return math.prod(self.chunks) * self.stored.itemsize

    def key(self, place: tuple[int, ...]) -> str:
        """Return the name of the file of a chunk, or of a shard."""
        parts = [self.prefix, *map(str, place)] if self.prefix else [*map(str, place)] or ["0"]
        return self.separator.join(parts)


def parse_v2(meta: Any, where: str) -> ZarrMeta:
    """Return what a ``.zarray`` says.

    Raises:
        FileFormatError: it is not as Zarr has it, or of a codec that is not known.
        DtypeError: its array does not hold real numbers.
    """
    meta = _object(meta, where)
    if meta.get("zarr_format") != 2:
        raise FileFormatError(f"{where}: zarr_format: expected 2, found {glimpse(meta.get('zarr_format'))}")
    shape, chunks = _sizes(meta.get("shape"), "shape", where), _sizes(meta.get("chunks"), "chunks", where)
    dtype, byte_order = _v2_dtype(meta.get("dtype"), where)
    if filters := meta.get("filters"):
        raise _unknown_codec(filters[0] if isinstance(filters, list) else filters, "filter", where)
    packing: tuple[str, ...] = ()
    if (compressor := meta.get("compressor")) is not None:
        name = compressor.get("id") if isinstance(compressor, dict) else compressor
        if name not in _COMPRESSORS:
            raise _unknown_codec(compressor, "compressor", where)
        packing = (str(name),)
    order = meta.get("order", "C")
    if order not in ("C", "F"):
        raise FileFormatError(f"{where}: order: expected C or F, found {glimpse(order)}")
    axes = tuple(range(len(shape)))
    codecs = Codecs(axes if order == "C" else axes[::-1], byte_order, packing)
    separator = _separator(meta.get("dimension_separator", "."), where)
    fill = _fill(meta.get("fill_value"), dtype, where)
    return _checked(ZarrMeta(shape, chunks, dtype, codecs, fill, "", separator), where)


def parse_v3(meta: Any, where: str) -> ZarrMeta:
    """Return what a ``zarr.json`` of an array says; the errors are those of `parse_v2`."""
    meta = _object(meta, where)
    shape = _sizes(meta.get("shape"), "shape", where)
    dtype = meta.get("data_type")
    if not isinstance(dtype, str) or dtype not in _V3_TYPES:
        raise DtypeError(f"{where}: data_type {glimpse(dtype)}: expected real numbers")
    if meta.get("storage_transformers"):
        raise FileFormatError(f"{where}: storage_transformers: expected none")
    grid, config = _named(meta.get("chunk_grid"), "chunk_grid", where)
    if grid != "regular":
        raise FileFormatError(f"{where}: chunk_grid {glimpse(grid)}: expected regular")
    chunks = _sizes(config.get("chunk_shape"), "chunk_shape", where)
    encoding, config = _named(meta.get("chunk_key_encoding"), "chunk_key_encoding", where)
    if encoding not in ("default", "v2"):
        raise FileFormatError(f"{where}: chunk_key_encoding {glimpse(encoding)}: expected default or v2")
    prefix = "c" if encoding == "default" else ""
    separator = _separator(config.get("separator", "/" if prefix else "."), where)
    sharding, chunks, listed = _sharding(meta.get("codecs"), chunks, where)
    codecs = _v3_codecs(listed, len(shape), np.dtype(BITS.get(dtype, dtype)).itemsize, where)
    fill = _fill(meta.get("fill_value"), dtype, where)
    return _checked(ZarrMeta(shape, chunks, dtype, codecs, fill, prefix, separator, sharding), where)


def _sharding(
    codecs: Any, chunks: tuple[int, ...], where: str
) -> tuple[Sharding | None, tuple[int, ...], Any]:
    """Return how shards hold chunks, the shape of these, and their codecs."""
    if not isinstance(codecs, list) or not codecs:
        raise FileFormatError(f"{where}: codecs: expected a list of them, found {glimpse(codecs)}")
    name, config = _named(codecs[0], "codecs", where)
    if name != "sharding_indexed":
        return None, chunks, codecs
    if len(codecs) > 1:
        raise _unknown_codec(codecs[1], "codec after sharding_indexed", where)
    inner = _sizes(config.get("chunk_shape"), "chunk_shape of sharding_indexed", where)
    if len(inner) != len(chunks) or any(n == 0 or size % n for n, size in zip(inner, chunks, strict=True)):
        raise FileFormatError(f"{where}: shards of {chunks} do not hold chunks of {inner}")
    location = config.get("index_location", "end")
    if location not in ("start", "end"):
        raise FileFormatError(f"{where}: index_location: expected start or end, found {glimpse(location)}")
    index = _v3_codecs(config.get("index_codecs"), len(inner) + 1, 8, where)
    if index.axes != tuple(range(len(inner) + 1)) or set(index.packing) - {"crc32c"}:
        raise FileFormatError(f"{where}: index_codecs: expected bytes and crc32c")
    return Sharding(chunks, index, location == "start"), inner, config.get("codecs")


def _v3_codecs(listed: Any, ndim: int, itemsize: int, where: str) -> Codecs:
    """Return what a list of codecs does: transpose, then bytes, then what packs these."""
    if not isinstance(listed, list):
        raise FileFormatError(f"{where}: codecs: expected a list of them, found {glimpse(listed)}")
    axes, packing = tuple(range(ndim)), []
    byte_order: Literal["<", ">"] | None = None
    for codec in listed:
        name, config = _named(codec, "codecs", where)
        name = name.removeprefix("numcodecs.")
        if byte_order is None and name == "transpose":
            axes = tuple(axes[at] for at in _order(config, ndim, where))
        elif byte_order is None and name == "bytes":
            byte_order = _byte_order(config, itemsize, where)
        elif byte_order is not None and known(name):
            packing.append(name)
        else:
            raise _unknown_codec(codec, "codec", where)
    if byte_order is None:
        raise FileFormatError(f"{where}: codecs: expected one that is named bytes")
    if sum(name in _COMPRESSORS for name in packing) > 1:
        raise FileFormatError(f"{where}: codecs: expected one that compresses, found {', '.join(packing)}")
    return Codecs(axes, byte_order, tuple(packing))


def _order(config: dict[str, Any], ndim: int, where: str) -> list[int]:
    """Return in which order a transpose puts the axes."""
    order = config.get("order")
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(map(str, range(ndim))):
        raise FileFormatError(f"{where}: transpose: expected an order of {ndim} axes")
    return order


def _byte_order(config: dict[str, Any], itemsize: int, where: str) -> Literal["<", ">"]:
    """Return how the bytes of a number stand; of a single byte nothing need be said."""
    endian = config.get("endian", "little" if itemsize == 1 else None)
    if endian not in ("little", "big"):
        raise FileFormatError(f"{where}: endian: expected little or big, found {glimpse(endian)}")
    return "<" if endian == "little" else ">"


def _checked(meta: ZarrMeta, where: str) -> ZarrMeta:
    """Return metadata whose sizes fit each other."""
    if len(meta.chunks) != len(meta.shape) or 0 in meta.chunks or len(meta.shape) > 32:
        raise FileFormatError(f"{where}: chunks of {meta.chunks} do not fit the shape {meta.shape}")
    if math.prod(n or 1 for n in meta.shape) >= 2**60 or math.prod(meta.chunks) >= 2**60:
        raise FileFormatError(f"{where}: impossible size (shape {meta.shape}, chunks {meta.chunks})")
    return meta


def _object(meta: Any, where: str) -> dict[str, Any]:
    if not isinstance(meta, dict):
        raise FileFormatError(f"{where}: expected metadata of an array, found {glimpse(meta)}")
    return meta


def _named(value: Any, what: str, where: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the configuration of what version 3 can be extended by."""
    name = value.get("name") if isinstance(value, dict) else value
    config = value.get("configuration", {}) if isinstance(value, dict) else {}
    if not isinstance(name, str) or not isinstance(config, dict):
        raise FileFormatError(f"{where}: {what}: expected a name, found {glimpse(value)}")
    return name, config


def _sizes(value: Any, what: str, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n < 2**60 for n in value):
        raise FileFormatError(f"{where}: {what}: expected whole numbers, found {glimpse(value)}")
    return tuple(value)


def _separator(value: Any, where: str) -> str:
    if value not in (".", "/"):
        raise FileFormatError(f"{where}: separator: expected . or /, found {glimpse(value)}")
    return str(value)


def _v2_dtype(value: Any, where: str) -> tuple[str, Literal["<", ">"]]:
    """Return a dtype's name and its byte order."""
    if isinstance(value, str) and value in BITS:
        return value, "<"
    if isinstance(value, list):
        raise DtypeError(f"{where}: structured array: expected real numbers")
    try:
        dtype = np.dtype(value) if isinstance(value, str) else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None:
        raise FileFormatError(f"{where}: unknown dtype {glimpse(value)}")
    require_numeric(dtype, where)
    if dtype.itemsize > 8:
        raise DtypeError(f"{where}: dtype {dtype}: expected numbers of at most 8 bytes")
    return dtype.newbyteorder("=").name, ">" if dtype.str.startswith(">") else "<"


def _fill(value: Any, dtype: str, where: str) -> float | int | bool | None:
    """Return the number of chunks that are not stored."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    names = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    if isinstance(value, str) and value in names:
        return names[value]
    if isinstance(value, str) and _HEXADECIMAL.fullmatch(value) and dtype in _FLOATS:
        width = np.dtype(dtype).itemsize
        bits = int(value, 16)
        if bits < 256**width:
            return float(np.frombuffer(bits.to_bytes(width, "little"), np.dtype(dtype).newbyteorder("<"))[0])
    raise FileFormatError(f"{where}: fill_value: expected a number, found {glimpse(value)}")


def _unknown_codec(codec: Any, what: str, where: str) -> FileFormatError:
    name = codec
    if isinstance(codec, dict):
        name = codec.get("id", codec.get("name"))
    return FileFormatError(f"{where}: {what} {glimpse(name)}: expected one of {', '.join(_COMPRESSORS)}")
