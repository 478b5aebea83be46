"""The columns of a typed table → which of them are read, and what they hold.

In: the schema of a Parquet or Arrow table, and a `Request`. Out: `TableColumns`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dense_cli.errors import ConfigError, DtypeError
from dense_cli.sources.choose import OUTPUTS, only_likeliest, outputs_of
from dense_cli.sources.columns import INDEX, picked
from dense_cli.sources.open import Request
from dense_cli.text import axis_names, listed

PICK = "--columns picks the columns that are read"
_PANDAS = "__index_level_0__"  # the column in which pandas keeps an index


class ColumnKind(NamedTuple):
    """What a column holds: numbers, or lists of them; None is a size that rows may differ in."""

    dtype: np.dtype[Any]
    sizes: tuple[int | None, ...]


class TableColumns(NamedTuple):
    """Which columns are read.

    Attributes:
        schema: that of the table.
        columns: those that are read, by their positions; the first ``places`` say where a row stands.
        lists: whether the last of them holds a sample in each row.
        numbered: whether the first counts the rows, and is left out.
        remark: what is taken for granted.
    """

    schema: Any
    columns: list[int]
    lists: bool
    places: int = 0
    numbered: bool = False
    remark: str | None = None


def read_columns(schema: Any, request: Request, name: str) -> TableColumns:
    """Return which columns are meant.

    Raises:
        ConfigError: none is, several are, or one that is asked for is not there.
        DtypeError: one that is meant does not hold numbers.
    """
    names = list(schema.names)
    if len(set(names)) < len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise ConfigError(f"{name}: two columns are named {twice!r}")
    if request.columns is not None:
        if request.key is not None:
            raise ConfigError(f"{name}: expected one of --key and --columns, found both")
        columns = list(picked(request.columns, names, True, name))
        if len(columns) == 1 and kind_of(schema.field(columns[0]), name).sizes:
            return TableColumns(schema, columns, True)
        _require_numbers(schema, columns, name)
        return TableColumns(schema, columns, False)
    if (own := _own(schema, names, request, name)) is not None:
        return own
    if request.key is not None:
        if request.key not in names:
            raise ConfigError(f"{name}: no column {request.key!r}: found {listed(map(repr, names), 8)}")
        at = names.index(request.key)
        return TableColumns(schema, [at], bool(kind_of(schema.field(at), name).sizes))
    return _only(schema, names, name)


def _only(schema: Any, names: list[str], name: str) -> TableColumns:
    """Return the one column of lists, or all columns, where these hold numbers; none that counts the rows."""
    left = [at for at in range(len(names)) if names[at] != _PANDAS]
    numbered = len(left) > 1 and names[left[0]].strip().lower() in INDEX
    lists = _holding(schema, left, lists=True)
    numbers = _holding(schema, left[int(numbered) :], lists=False)
    if lists and (len(lists) > 1 or numbers):
        found = listed((repr(names[at]) for at in (*lists, *numbers)), 8)
        raise ConfigError(
            f"{name}: expected one array, found columns {found}",
            hint=f"choose one with --key {names[lists[0]]}, or columns of numbers with --columns",
        )
    if lists:
        return TableColumns(schema, lists, True)
    if not left:
        raise ConfigError(f"{name}: expected one array, found no columns")
    _require_numbers(schema, left, name)
    return _all_columns(schema, names, left, numbered=numbered)


def _all_columns(schema: Any, names: list[str], left: list[int], *, numbered: bool) -> TableColumns:
    """Return the columns that are ``left``, with what is left out: an index, and a first one of numbers."""
    remarks = [f"{_PANDAS!r}, the index of pandas, is left out"] if len(left) < len(names) else []
    if numbered:
        remarks.append(f"the first column, {names[left[0]]!r}, counts the rows and is left out")
    return TableColumns(schema, left, False, numbered=numbered, remark="; ".join(remarks) or None)


def _own(schema: Any, names: list[str], request: Request, name: str) -> TableColumns | None:
    """Return where a table of densecli's own has what; None where it is another."""
    if names[:1] != ["sample"]:
        return None
    outputs = [each for each in OUTPUTS if each in names and _holds(schema.field(each), lists=True)]
    if outputs:
        values = _wanted(outputs, names, request, name)
        count = next((n for n in range(1, len(names)) if names[: n + 1] != axis_names(n + 1)), len(names))
        return TableColumns(schema, [*range(count), names.index(values)], True, places=count)
    if "top_classes" in names:
        raise only_likeliest(name)
    return None


def _wanted(outputs: list[str], names: list[str], request: Request, name: str) -> str:
    """Return which of the outputs in a table of densecli's own is read."""
    wanted: Sequence[str] = outputs
    if request.key is not None:
        wanted = [request.key]
    elif request.outputs:
        wanted = outputs_of(request)
    for each in wanted:
        if each in outputs:
            return each
    raise ConfigError(
        f"{name}: expected {wanted[0]}, found {listed(map(repr, names), 8)}",
        hint=f"--key NAME takes another array for {wanted[0]}",
    )


def _holding(schema: Any, columns: list[int], *, lists: bool) -> list[int]:
    """Return which of the columns hold lists of numbers, or numbers."""
    return [at for at in columns if _holds(schema.field(at), lists=lists)]


def _holds(field: Any, *, lists: bool) -> bool:
    """Whether a column holds lists of numbers, or numbers."""
    try:
        return bool(kind_of(field, "").sizes) == lists
    except DtypeError:
        return False


def _require_numbers(schema: Any, columns: list[int], name: str) -> None:
    for field in map(schema.field, columns):
        if kind_of(field, name).sizes:
            raise DtypeError(
                f"{name}: column {field.name!r} holds lists: expected numbers",
                hint=f"--key {field.name} reads it alone",
            )


def kind_of(field: Any, name: str) -> ColumnKind:
    """Return what a column holds.

    Raises:
        DtypeError: neither numbers nor lists of them.
    """
    import pyarrow.types as types

    found, sizes = field.type, []
    if isinstance(shape := getattr(found, "shape", None), (list, tuple)):  # arrow.fixed_shape_tensor
        if getattr(found, "permutation", None) not in (None, list(range(len(shape)))):
            raise DtypeError(f"{name}: column {field.name!r}: a tensor whose axes are permuted")
        return ColumnKind(_number(found.value_type, field, name), tuple(map(int, shape)))
    while types.is_fixed_size_list(found) or types.is_list(found) or types.is_large_list(found):
        sizes.append(int(found.list_size) if types.is_fixed_size_list(found) else None)
        found = found.value_type
    return ColumnKind(_number(found, field, name), tuple(sizes))


def _number(found: Any, field: Any, name: str) -> np.dtype[Any]:
    """Return the dtype of a type of numbers."""
    import pyarrow.types as types

    if types.is_integer(found) or types.is_floating(found) or types.is_boolean(found):
        dtype: np.dtype[Any] = np.dtype(found.to_pandas_dtype())
        return dtype
    raise DtypeError(
        f"{name}: column {field.name!r} holds {str(field.type)[:60]}: expected numbers, or lists of them",
        hint=PICK,
    )
