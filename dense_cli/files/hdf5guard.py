"""What HDF5 takes on trust, held against the file first: the texts of attributes, and free lists.

HDF5 takes memory for a text of the length that its reference claims before it looks whether there is one,
and follows the reference's index without a look at all. It reads the list of free places of a group's
names from one to the next, and never comes to the end of one that goes round.

The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.D (local heaps),
III.E (global heaps) and IV.A.2.m (attribute messages)
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterator
from typing import IO

from dense_cli.errors import FileFormatError

_WITHIN = 1 << 30  # further back nothing is looked at: such a file takes its gigabytes anyway
_PIECE = 4 << 20
_AHEAD = 1 << 16  # an attribute message is no longer than that
_MOST = 1 << 20  # texts; a model of a thousand layers has some thousands
_BEFORE = 32  # bytes: what of a message may stand before the end of its name
_VLEN = 9  # the class of datatypes of variable length
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, index in it
_TYPE = struct.Struct("<BHxIBxxxI")  # class, flags, size; class and size of the characters
_HEAP = struct.Struct("<8sQ")  # signature and version, size
_OBJECT = struct.Struct("<H6xQ")  # index, size
# The names of the attributes that are read, as they stand in their messages.
_LOCAL_HEAP = re.compile(rb"HEAP\0{4}")
_LAST = 1  # what stands for the end of a free list
_NAMES = re.compile(rb"(?:name|model_config|(?:layer|weight)_names\d*)\0")


def require_texts(stream: IO[bytes], file: str) -> None:
    """Refuse a file whose texts claim more bytes than it has, or whose free lists have no end; rewinds it.

    Raises:
        FileFormatError: the claim, and the size of the file.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    heaps: dict[int, dict[int, int]] = {}
    references: list[tuple[int, int, int]] = []
    local: list[int] = []
    for start, block, end in _blocks(stream):
        for match in _NAMES.finditer(block, 0, end):
            references += _texts(block, match, file)
            if len(references) > _MOST:
                raise FileFormatError(f"{file}: damaged HDF5: over {_MOST} texts in its attributes")
        local += [start + match.start() for match in _LOCAL_HEAP.finditer(block, 0, end)]
    for address in local:
        _require_end(stream, address, size, file)
    total = 0
    for length, address, index in references:
        if length == 0:
            continue
        if address not in heaps:
            heaps[address] = _objects(stream, address, size)
        if length > min(size, heaps[address].get(index, 0)):
            raise FileFormatError(
                f"{file}: damaged HDF5: a text claims a size of {length} bytes, "
                f"{heaps[address].get(index, 0)} are there (heap {address}, object {index})"
            )
        total += length
        if total > 2 * size:  # each is stored once, and may have been seen twice where two pieces meet
            raise FileFormatError(f"{file}: damaged HDF5: its texts claim more than the {size} bytes it has")
    stream.seek(0)


def _blocks(stream: IO[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """Yield where each block of the file begins, the block, and where in it a search ends."""
    before, piece, start = b"", stream.read(_PIECE), 0
    while piece and start < _WITHIN:
        after = stream.read(_PIECE)
        yield start - len(before), before + piece + after[:_AHEAD], len(before) + len(piece) + _BEFORE
        before, piece, start = piece[-_BEFORE:], after, start + _PIECE


def _require_end(stream: IO[bytes], address: int, size: int, file: str) -> None:
    """Refuse a local heap whose list of free places goes round."""
    stream.seek(address + 8)
    header = stream.read(24)
    if len(header) < 24:
        return
    length, free, data = struct.unpack("<QQQ", header)
    seen: set[int] = set()
    while free != _LAST and free + 16 <= min(length, size - data):  # else HDF5 itself refuses it
        if free in seen:
            raise FileFormatError(f"{file}: damaged HDF5: a list of free places goes round (heap {address})")
        seen.add(free)
        stream.seek(data + free)
        free = int.from_bytes(stream.read(8), "little")


def _texts(block: bytes, match: re.Match[bytes], file: str) -> Iterator[tuple[int, int, int]]:
    """Yield the references of one attribute message; none where its values are not of variable length."""
    for version, head in ((1, 8), (2, 8), (3, 9)):
        at = match.start() - head
        if at < 0 or block[at] != version:
            continue
        name, kind, space = struct.unpack_from("<HHH", block, at + 2)
        if name != len(match[0]):
            continue
        step = 8 if version == 1 else 1  # version 1 pads its parts to multiples of 8
        name, kind, space = (-(-length // step) * step for length in (name, kind, space))
        kind_at = match.start() + name
        space_at = kind_at + kind
        data_at = space_at + space
        if max(data_at, space_at + 8) >= len(block) or block[kind_at] & 0x0F != _VLEN:
            continue
        _, flags, width, base, base_size = _TYPE.unpack_from(block.ljust(kind_at + _TYPE.size), kind_at)
        if flags & 0x0F != 1 or flags >> 8 > 1 or width != _REFERENCE.size or base & 0x0F not in (0, 3):
            raise FileFormatError(f"{file}: damaged HDF5: an attribute that should be a text is none")
        if base_size != 1:
            raise FileFormatError(f"{file}: damaged HDF5: a text of characters of {base_size} bytes")
        rank = block[space_at + 1]
        dims_at = space_at + (8 if block[space_at] == 1 else 4)
        if dims_at + 8 * rank > len(block):
            continue
        count = math.prod(struct.unpack_from(f"<{rank}Q", block, dims_at))
        last = min(len(block), match.start() + _AHEAD) - _REFERENCE.size + 1
        end = min(data_at + count * _REFERENCE.size, last)
        for reference in range(data_at, end, _REFERENCE.size):
            yield _REFERENCE.unpack_from(block, reference)


def _objects(stream: IO[bytes], address: int, size: int) -> dict[int, int]:
    """Return index → size of what a global heap holds; nothing where there is none, or one past the file."""
    if address + 16 > size:
        return {}
    stream.seek(address)
    signature, heap = _HEAP.unpack(stream.read(_HEAP.size))
    if signature != b"GCOL\x01\0\0\0" or not _HEAP.size <= heap <= size - address:
        return {}
    content = stream.read(heap - _HEAP.size)
    found: dict[int, int] = {}
    at = 0
    while at + _OBJECT.size <= len(content):
        index, length = _OBJECT.unpack_from(content, at)
        if index == 0:  # what is left is free; HDF5 would look for the end of a smaller rest without end
            return found if length == len(content) - at else {}
        at += _OBJECT.size + -(-length // 8) * 8
        if at > len(content) or index in found:
            return {}
        found[index] = length
    return found
