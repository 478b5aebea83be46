"""ONNX models. In: a file. Out: its ModelProto."""

from __future__ import annotations

from typing import Any

from dense_cli.errors import FileFormatError, MissingExtraError
from dense_cli.files.stream import open_stream
from dense_cli.limits import require_bytes


def read_model(file: str, memory: int | None = None) -> Any:
    """Return the ModelProto of a file.

    Raises:
        MissingExtraError: the onnx library is not installed.
        FileFormatError: it is no ONNX model.
        SizeError: the model is larger than the memory that is allowed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(f"{file}: reading ONNX", "onnx") from None
    stream = open_stream(file)
    if stream.regular:
        require_bytes(stream.file.size, file, "the model", memory)
    content = stream.read()
    try:
        return onnx.ModelProto.FromString(content)
    except Exception as error:  # DecodeError, of google.protobuf
        raise FileFormatError(f"{file}: not a readable ONNX model: {str(error)[:200]}") from error
