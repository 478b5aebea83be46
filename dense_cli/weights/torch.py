"""Heads in PyTorch files: a state dict, or a dictionary that holds one, loaded as tensors and nothing else.

The format: https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError, MissingExtraError
from dense_cli.limits import require_bytes
from dense_cli.weights.archive import open_archive, require_readable
from dense_cli.weights.head import Heads, Tensor, widen_bfloat16
from dense_cli.weights.pairs import find_heads

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
    if archived:
        with open_archive(file) as archive:
            for info in archive.infolist():
                require_readable(info, file)
                if info.compress_type != zipfile.ZIP_STORED:
                    raise FileFormatError(
                        f"{file}: {info.filename[:80]} is compressed: PyTorch compresses nothing"
                    )
    else:
        require_bytes(os.stat(file).st_size, file, "the pickle", memory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=archived)
    except (DenseCliError, OSError):
        raise
    except Exception as error:  # UnpicklingError, RuntimeError, EOFError …: what a bad pickle makes of torch
        raise FileFormatError(
            f"{file}: not a PyTorch state dict: {_reason(error)}",
            hint="save one with torch.save(model.state_dict(), FILE)",
        ) from error
    for key in _HOLDERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise FileFormatError(f"{file}: expected a state dict, found a {type(content).__name__}")
    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    names = [name for name in tensors if isinstance(name, str)]
    return find_heads(names, lambda name: _tensor(tensors[name], name, file), file)


def _tensor(value: Any, name: str, file: str) -> Tensor:
    dtype = str(value.dtype).removeprefix("torch.")

    def array() -> NDArray[Any]:
        import torch

        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise DtypeError(f"{file}: {name} is a sparse, quantised or empty tensor: expected plain numbers")
        plain = value.detach().resolve_conj()
        if dtype == "bfloat16":
            return widen_bfloat16(plain.contiguous().view(torch.uint16).numpy())
        try:
            return np.array(plain.numpy())  # a copy: torch maps the file
        except TypeError as error:
            raise DtypeError(f"{file}: {name} has dtype {dtype}: expected real numbers") from error

    return Tensor(name, tuple(value.shape), dtype, array)


def _reason(error: Exception) -> str:
    """Return what torch objects to: its own message is a page of advice."""
    text = str(error)
    match = re.search(r"GLOBAL (\S+)", text)
    if match:
        return f"its pickle names {match[1]}, which densecli does not run"
    return text.strip().split("\n")[0][:200] or type(error).__name__
