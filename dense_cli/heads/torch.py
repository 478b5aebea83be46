"""Heads in PyTorch files: a state dict, or a dictionary that holds one, loaded as tensors and nothing else.

torch takes on trust what a file says of its storages, and its nesting; both are held against the file here.

The format: https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import io
import os
import pickletools
import re
import warnings
import zipfile
from collections import Counter
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError, MissingExtraError
from dense_cli.files.archive import open_archive, require_readable, zip_errors
from dense_cli.files.dtypes import require_numeric, widen
from dense_cli.files.stream import File
from dense_cli.files.tensor import Tensor, Tensors
from dense_cli.heads.head import Heads
from dense_cli.heads.pairs import find_heads
from dense_cli.limits import TEXT_COST, require_bytes
from dense_cli.text import encodable

_DEPTH = 200  # of nested containers; a state dict has a few
_LEGACY_PICKLES = 5  # magic number, version, system, the object, the keys of the storages that follow
# What these put something into is still as deep as what is deepest in it.
_FILLING = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
_HINT = "save one with torch.save(model.state_dict(), FILE)"
_HOLDERS = ("state_dict", "model_state_dict", "model", "module")


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a PyTorch file; of its pickle, only tensors in plain containers are accepted.

    Raises:
        MissingExtraError: torch is not installed.
        FileFormatError: a pickle of anything else, a damaged file, or one without a kernel.
        SizeError: the file is larger than the memory that is allowed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError(f"{file}: reading PyTorch files", "torch") from None
    with open(file, "rb") as stream:
        archived = stream.read(2) == b"PK"
    records: list[int] = []
    if archived:
        with zip_errors(file), open_archive(File(file)) as archive:
            for info in archive.infolist():
                require_readable(info, file)
                records.append(info.file_size)
                if info.compress_type != zipfile.ZIP_STORED:
                    raise FileFormatError(
                        f"{file}: {info.filename[:80]} is compressed: PyTorch compresses nothing"
                    )
                if info.filename.endswith("data.pkl"):
                    require_bytes(info.file_size * TEXT_COST, file, "the pickle", memory)
                    _texts_of(io.BytesIO(archive.read(info)), file)
    else:
        require_bytes(os.stat(file).st_size, file, "the pickle", memory)
        with _Held(file) as stream:
            stored = [_texts_of(stream, file) for _ in range(_LEGACY_PICKLES)][-1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=archived)
    except (DenseCliError, OSError):
        raise
    except Exception as error:  # UnpicklingError, RuntimeError, EOFError …: what a bad pickle makes of torch
        raise FileFormatError(
            f"{file}: not a PyTorch state dict: {_reason(error)}",
            hint=_HINT,
        ) from error
    for key in _HOLDERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise FileFormatError(f"{file}: expected a state dict, found a {type(content).__name__}")
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor) and not value.is_nested
    }
    for name in tensors:
        if name != encodable(name):
            raise FileFormatError(f"{file}: expected names in UTF-8, found {encodable(name)[:80]}")
    sizes = dict(map(_storage, tensors.values()))
    sizes.pop(0, None)
    if archived:
        beyond = Counter(sizes.values()) - Counter(records)
        if beyond:
            raise FileFormatError(f"{file}: damaged: no record of the archive has {next(iter(beyond))} bytes")
    elif len(sizes) > len(stored):
        raise FileFormatError(f"{file}: damaged: {len(sizes)} storages, and numbers of {len(stored)}")
    return find_heads(Tensors(tensors, lambda name: _tensor(tensors[name], name, file)), file)


class _Held(io.FileIO):
    """A file that takes no memory for more than it holds, whatever a pickle says of its next text."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(os.fstat(self.fileno()).st_size - self.tell(), 0)
        found = super().read(left if size is None or size < 0 else min(size, left))
        return found or b""


def _texts_of(stream: IO[bytes], file: str) -> set[str]:
    """Return the texts of the pickle that ``stream`` stands at, having walked through its containers.

    Raises:
        FileFormatError: no pickle, or one nested so deeply that the hash of a key would end the process.
    """
    texts: set[str] = set()
    stack: list[int | None] = []  # how deep each item is; None is a mark
    memo: dict[object, int] = {}
    try:
        for op, arg, _ in pickletools.genops(stream):
            if op.name == "MARK":
                stack.append(None)
                continue
            if isinstance(arg, str) and "UNICODE" in op.name:
                texts.add(arg)
            if op.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memo[len(memo) if op.name == "MEMOIZE" else arg] = stack[-1] or 0
                continue
            if op.name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[arg])
                continue
            taken: list[int] = []
            for _ in op.stack_before:
                while (item := stack.pop()) is not None and pickletools.markobject in op.stack_before:
                    taken.append(item)
                if item is None:
                    break
                taken.append(item)
            if pickletools.markobject in op.stack_before and op.name in _FILLING:
                taken.append(stack.pop() or 0)  # the container below the mark
            depth = max(taken, default=-1) + (op.name not in _FILLING)
            if depth > _DEPTH:
                raise FileFormatError(f"{file}: a pickle nested over {_DEPTH} deep: expected a state dict")
            stack += [depth] * len(op.stack_after)
    except DenseCliError:
        raise
    except (ValueError, IndexError, KeyError) as error:
        raise FileFormatError(f"{file}: not a PyTorch state dict: {str(error)[:200]}", hint=_HINT) from error
    return texts


def _storage(value: Any) -> tuple[int, int]:
    """Return where a tensor's numbers are and how many bytes they take; zeros where it has no plain ones."""
    if not _plain(value):
        return 0, 0
    storage = value.untyped_storage()
    return storage.data_ptr(), storage.nbytes()


def _plain(value: Any) -> bool:
    import torch

    return value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"


def _tensor(value: Any, name: str, file: str) -> Tensor:
    dtype = str(value.dtype).removeprefix("torch.")

    def array() -> NDArray[Any]:
        import torch

        if not _plain(value):
            raise DtypeError(f"{file}: {name} is a sparse, quantised or empty tensor: expected plain numbers")
        plain = value.detach().resolve_conj().resolve_neg()
        if dtype == "bfloat16":
            return widen(plain.contiguous().view(torch.uint16).numpy(), dtype)
        try:
            found = np.array(plain.numpy())  # a copy: torch maps the file
        except (TypeError, RuntimeError) as error:
            raise DtypeError(f"{file}: {name} has dtype {dtype}: expected real numbers") from error
        require_numeric(found.dtype, f"{file}: {name}")
        return found

    # A tensor may say a few stored numbers over and over.
    return Tensor(name, tuple(value.shape), dtype, array, stored=_storage(value)[1])


def _reason(error: Exception) -> str:
    """Return what torch objects to: its own message is a page of advice."""
    text = str(error)
    match = re.search(r"GLOBAL (\S+)", text)
    if match:
        return f"its pickle names {match[1]}, which densecli does not run"
    return text.strip().split("\n")[0][:200] or type(error).__name__
