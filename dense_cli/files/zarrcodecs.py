"""How the bytes of a Zarr chunk become those of its numbers: one compressor at most, and checksums.

No chunk is inflated beyond the size that its array says it has, and none that is shorter is taken.

The codecs: https://zarr-specs.readthedocs.io/en/latest/v3/codecs/index.html
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dense_cli.errors import FileFormatError, MissingExtraError

_EXTRA = "zarr"
_CHECKSUM = 4  # bytes


def decode(data: bytes, codecs: tuple[str, ...], size: int, where: str) -> bytes:
    """Return the ``size`` bytes that ``codecs``, the last of them first, have made ``data`` of.

    Raises:
        MissingExtraError: numcodecs is needed and not installed.
        FileFormatError: damaged, or of another size.
    """
    for codec in reversed(codecs):
        try:
            data = bytes(_DECODERS[codec](data, size, where))
        except (ValueError, RuntimeError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, (FileFormatError, MissingExtraError)):
                raise
            raise FileFormatError(f"{where}: a damaged chunk ({codec}): {str(error)[:200]}") from error
    if len(data) != size:
        raise FileFormatError(f"{where}: the chunk has {len(data)} bytes, expected {size}")
    return data


def known(codec: str) -> bool:
    """Whether there is a decoder of that name."""
    return codec in _DECODERS


def _inflate(data: bytes, size: int, where: str) -> bytes:
    inflater = zlib.decompressobj(wbits=47)  # gzip and zlib, told apart by their headers
    return _ended(inflater.decompress(data, size + 1), inflater.eof, size, where)


def _bz2(data: bytes, size: int, where: str) -> bytes:
    inflater = bz2.BZ2Decompressor()
    return _ended(inflater.decompress(data, size + 1), inflater.eof, size, where)


def _lzma(data: bytes, size: int, where: str) -> bytes:
    inflater = lzma.LZMADecompressor(memlimit=256 << 20)
    return _ended(inflater.decompress(data, size + 1), inflater.eof, size, where)


def _ended(inflated: bytes, ended: bool, size: int, where: str) -> bytes:
    if len(inflated) > size:
        raise FileFormatError(f"{where}: the chunk inflates to more than {size} bytes")
    if not ended:
        raise FileFormatError(f"{where}: the chunk is cut short")
    return inflated


def _zstd(data: bytes, size: int, where: str) -> Any:
    stated = _zstd_size(data)
    _require(size if stated is None else stated, size, where)
    return _numcodecs("zstd", where).decompress(data, np.zeros(size, np.uint8))


def _blosc(data: bytes, size: int, where: str) -> Any:
    _require(int.from_bytes(data[4:8], "little"), size, where)
    _require(int.from_bytes(data[12:16], "little"), len(data), where)
    return _numcodecs("blosc", where).decompress(data, np.zeros(size, np.uint8))


def _lz4(data: bytes, size: int, where: str) -> Any:
    _require(int.from_bytes(data[:4], "little"), size, where)
    return _numcodecs("lz4", where).decompress(data, np.zeros(size, np.uint8))


def _crc32c(data: bytes, size: int, where: str) -> bytes:
    try:
        from google_crc32c import value
    except ImportError:
        raise MissingExtraError(f"{where}: checking a checksum", _EXTRA) from None
    content, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if value(content) != int.from_bytes(checksum, "little"):
        raise FileFormatError(f"{where}: damaged: its bytes do not have its checksum")
    return content


def _require(stated: int, expected: int, where: str) -> None:
    """Refuse a chunk that says it has another size: a library would leave the rest unset."""
    if stated != expected:
        raise FileFormatError(f"{where}: the chunk claims {stated} bytes, expected {expected}")


def _zstd_size(data: bytes) -> int | None:
    """Return how many bytes a frame of Zstandard says it inflates to; None where it does not say.

    The format: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
    """
    if len(data) < 6:
        return -1
    flags = data[4]
    single = flags >> 5 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    width = (single, 2, 4, 8)[flags >> 6]
    stated = int.from_bytes(data[at : at + width], "little")
    return (stated + 256 * (width == 2)) if width else None


def _numcodecs(name: str, where: str) -> Any:
    try:
        from importlib import import_module

        return import_module(f"numcodecs.{name}")
    except ImportError:
        raise MissingExtraError(f"{where}: reading chunks compressed by {name}", _EXTRA) from None


_DECODERS: dict[str, Callable[[bytes, int, str], Any]] = {
    "gzip": _inflate,
    "zlib": _inflate,
    "bz2": _bz2,
    "lzma": _lzma,
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
    "crc32c": _crc32c,
}
