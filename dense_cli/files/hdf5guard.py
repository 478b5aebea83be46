"""What HDF5 takes on trust, held against the file before HDF5 sees it: texts of attributes, and free lists.

HDF5 takes memory for a text of the length that its reference claims before it looks whether there is one,
and follows the reference's index without a look at all. It reads the list of free places of a group's
names from one to the next, and never comes to the end of one that goes round.

HDF5 reads files through `GuardedSection`, which looks through what is read, and so through the metadata that
are needed and nothing else: whatever HDF5 acts on has to come by here first.

The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.D (local heaps),
III.E (global heaps) and IV.A.2.m (attribute messages)
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import Any

from dense_cli.errors import FileFormatError
from dense_cli.files.stream import File, Section, naming

_AHEAD = 1 << 16  # an attribute message is no longer than that
_MOST = 1 << 20  # texts; a model of a thousand layers has some thousands
_AROUND = 64  # bytes beside a read: what is looked for may begin before it, or have been read in part before
_BEFORE = 16  # bytes of a message before its name
_VLEN = 9  # the class of datatypes of variable length
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, index in it
_TYPE = struct.Struct("<BHxIBxxxI")  # class, flags, size; class and size of the characters
_HEAP = struct.Struct("<8sQ")  # signature and version, size
_OBJECT = struct.Struct("<H6xQ")  # index, size
_LOCAL_HEAP = re.compile(rb"HEAP\0{4}")
_LAST = 1  # what stands for the end of a free list


class GuardedSection(Section):
    """A part of a file that HDF5 reads its metadata from.

    ``attributes`` is a pattern of the names of the attributes that are read from it, each with the byte 0
    that ends it in its message.

    Raises, where HDF5 reads:
        FileFormatError: a text that claims more bytes than there are, or a free list that has no end.
    """

    def __init__(self, file: File, start: int, size: int, label: str, attributes: re.Pattern[bytes]) -> None:
        super().__init__(file, start, size)
        self._label = label
        self._names = attributes
        self._known: set[int] = set()  # the places that were looked at
        self._heaps: dict[int, dict[int, int]] = {}
        self._texts = self._claimed = 0

    def readinto(self, buffer: Any, /) -> int:
        at = self.tell()
        start = max(at - _AROUND, 0)
        block = self._bytes(start, at + len(buffer) + _AROUND - start)
        found = block[at - start : at - start + len(buffer)]
        got = len(found)
        memoryview(buffer)[:got] = found
        self.seek(at + got)
        for match in _LOCAL_HEAP.finditer(block):
            if self._new(start + match.start()):
                self._require_end(start + match.start())
        for match in self._names.finditer(block):
            if self._new(start + match.start()):
                self._require_texts(start + match.start(), match[0])
        return got

    def _new(self, place: int) -> bool:
        known = place in self._known
        self._known.add(place)
        return not known

    def _bytes(self, at: int, size: int) -> bytes:
        """Return bytes of the section, fewer only at its end; HDF5's place in it stays."""
        with naming(self._label):
            return self.file.read_at(min(size, max(self.size - at, 0)), self.start + at)

    def _require_end(self, address: int) -> None:
        """Refuse a local heap whose list of free places goes round."""
        header = self._bytes(address + 8, 24)
        if len(header) < 24:
            return
        length, free, data = struct.unpack("<QQQ", header)
        seen: set[int] = set()
        while free != _LAST and free + 16 <= min(length, self.size - data):  # else HDF5 itself refuses it
            if free in seen:
                raise FileFormatError(
                    f"{self._label}: damaged HDF5: a list of free places goes round (heap {address})"
                )
            seen.add(free)
            free = int.from_bytes(self._bytes(data + free, 8), "little")

    def _require_texts(self, place: int, name: bytes) -> None:
        """Refuse an attribute, whose name stands at ``place``, with a text that is not there."""
        before = min(place, _BEFORE)
        block = self._bytes(place - before, before + _AHEAD)
        for length, address, index in _references(block, before, name, self._label):
            self._texts += 1
            if self._texts > _MOST:
                raise FileFormatError(f"{self._label}: damaged HDF5: over {_MOST} texts in its attributes")
            if length == 0:
                continue
            if address not in self._heaps:
                self._heaps[address] = self._objects(address)
            there = self._heaps[address].get(index, 0)
            if length > min(self.size, there):
                raise FileFormatError(
                    f"{self._label}: damaged HDF5: a text claims a size of {length} bytes, "
                    f"{there} are there (heap {address}, object {index})"
                )
            self._claimed += length
            if (
                self._claimed > 2 * self.size
            ):  # each is stored once; a message that was moved leaves its bytes
                raise FileFormatError(
                    f"{self._label}: damaged HDF5: its texts claim more than the {self.size} bytes it has"
                )

    def _objects(self, address: int) -> dict[int, int]:
        """Return index → size of what a global heap holds; nothing where there is none."""
        if address + 16 > self.size:
            return {}
        signature, heap = _HEAP.unpack(self._bytes(address, _HEAP.size))
        if signature != b"GCOL\x01\0\0\0" or not _HEAP.size <= heap <= self.size - address:
            return {}
        content = self._bytes(address + _HEAP.size, heap - _HEAP.size)
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


def _references(block: bytes, name_at: int, name: bytes, file: str) -> Iterator[tuple[int, int, int]]:
    """Yield the references of one attribute message; none where its values are not of variable length."""
    for version, head in ((1, 8), (2, 8), (3, 9)):
        at = name_at - head
        if at < 0 or block[at] != version:
            continue
        length, kind, space = struct.unpack_from("<HHH", block, at + 2)
        if length != len(name):
            continue
        step = 8 if version == 1 else 1  # version 1 pads its parts to multiples of 8
        length, kind, space = (-(-part // step) * step for part in (length, kind, space))
        kind_at = name_at + length
        space_at = kind_at + kind
        data_at = space_at + space
        if max(data_at, space_at + 8) >= len(block) or block[kind_at] & 0x0F != _VLEN:
            continue
        _require_text(block, kind_at, file)
        rank = block[space_at + 1]
        dims_at = space_at + (8 if block[space_at] == 1 else 4)
        if dims_at + 8 * rank > len(block):
            continue
        count = math.prod(struct.unpack_from(f"<{rank}Q", block, dims_at))
        end = min(data_at + count * _REFERENCE.size, len(block) - _REFERENCE.size + 1)
        for reference in range(data_at, end, _REFERENCE.size):
            yield _REFERENCE.unpack_from(block, reference)


def _require_text(block: bytes, at: int, file: str) -> None:
    """Refuse a type of variable length that is not text of one byte a character, as Keras writes it."""
    _, flags, width, base, base_size = _TYPE.unpack_from(block.ljust(at + _TYPE.size), at)
    if flags & 0x0F != 1 or flags >> 8 > 1 or width != _REFERENCE.size or base & 0x0F not in (0, 3):
        raise FileFormatError(f"{file}: damaged HDF5: an attribute that should be a text is none")
    if base_size != 1:
        raise FileFormatError(f"{file}: damaged HDF5: a text of characters of {base_size} bytes")
