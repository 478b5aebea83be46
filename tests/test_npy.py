"""dense_cli.files.npy: what an NPY header may say, and what is refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.errors import DenseCliError, DtypeError, FileFormatError
from dense_cli.files.dtypes import require_numeric
from dense_cli.files.npy import NpyHeader, read_header


def header(text: str, version: tuple[int, int] = (2, 0)) -> io.BytesIO:
    raw = text.encode("latin-1")
    width = "<H" if version[0] == 1 else "<I"
    return io.BytesIO(b"\x93NUMPY" + bytes(version) + struct.pack(width, len(raw)) + raw)


def fields(descr: str = "'<f8'", fortran: str = "False", shape: str = "(2, 3)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "<f2", ">f4", "<f8"])
def test_what_numpy_writes_is_read_back(version, order, dtype):
    array = np.zeros((2, 3), dtype, order=order)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    size = len(file.getvalue())
    file.seek(0)
    found = read_header(file, "x.npy")
    assert found == NpyHeader((2, 3), np.dtype(dtype), order == "F", size - array.nbytes)
    assert file.tell() == found.data_offset
    assert found.nbytes == array.nbytes


def test_a_header_that_comes_in_pieces_is_read_whole():
    class Dribble(io.BytesIO):
        def read(self, n=-1):
            return super().read(min(n, 3))

    assert read_header(Dribble(header(fields()).getvalue()), "-").shape == (2, 3)


def test_python_2_integers_are_read():
    assert read_header(header(fields(shape="(2L, 3L)"), (1, 0)), "x.npy").shape == (2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.npy: truncated or empty: the file ends where an NPY header is expected"),
        (b"\x93NUM", "x.npy: truncated NPY header: expected 8 bytes, found 4"),
        (
            b"\x89PNG\r\n\x1a\n",
            r"x.npy: not an NPY array: expected the magic b'\x93NUMPY', found b'\x89PNG\r\n'",
        ),
        (b"\x93NUMPY\x04\x00abcd", "x.npy: NPY header version 4.0: expected 1.0, 2.0 or 3.0"),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\x7f",
            "x.npy: NPY header too long: expected at most 10000 bytes, found 2147483647",
        ),
        (
            b"\x93NUMPY\x01\x00\x10\x00{'descr'",
            "x.npy: truncated NPY header: expected 16 bytes, found 8",
        ),
    ],
)
def test_bytes_that_are_no_header_are_refused(content, message):
    with pytest.raises(FileFormatError) as error:
        read_header(io.BytesIO(content), "x.npy")
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        "-" * 9000 + "1",
        "1+" * 4000 + "1",
        "{1:" * 3000,
        "lambda:" * 1400,
        "\0" * 9,
        "open('x', 'w')",
        fields(shape="(open('x', 'w'), 1)"),
        "1",
        "{}",
        "{[]: 1}",
        fields(shape="(2, -3)"),
        fields(shape="(True, 3)"),
        fields(shape="(2.0,)"),
        fields(shape="[2, 3]"),
        fields(shape="(" + "1," * 33 + ")"),
        fields(shape=f"({2**62}, 8)"),
        fields(shape="(" + "9" * 5000 + ",)"),
        fields(fortran="1"),
        fields(descr="'<q99'"),
        fields(descr="7"),
        fields(descr="'" + "(" * 3000 + "'"),
        fields(descr="'<V99999999999999'"),
    ],
)
def test_a_header_that_says_nonsense_is_refused_in_one_short_line(text):
    with pytest.raises(FileFormatError, match="header") as error:
        read_header(header(text), "x.npy")
    assert len(str(error.value)) < 250
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("descr", ["'O'", "'|O8'"])
def test_an_array_of_objects_is_named_as_a_pickle(descr):
    with pytest.raises(DtypeError) as error:
        read_header(header(fields(descr=descr)), "x.npy")
    assert str(error.value) == "x.npy: object array (a pickle): never loaded"


@pytest.mark.parametrize(
    ("descr", "word"),
    [
        ("[('a', '<f8'), ('b', '<f8')]", "structured"),
        ("'i4,i4'", "structured"),
        ("'<c16'", "complex"),
        ("'<U8'", "strings"),
        ("'|S4'", "byte strings"),
        ("'<M8[s]'", "dates"),
        ("'<m8[s]'", "time differences"),
        ("'|V3'", "void"),
        ("'(2,3)i4'", "void"),
    ],
)
def test_numbers_of_the_wrong_kind_are_refused_by_name(descr, word):
    with pytest.raises(DtypeError, match=word):
        require_numeric(read_header(header(fields(descr=descr)), "x.npy").dtype, "x.npy")


@pytest.mark.parametrize("dtype", ["?", "i1", "i8", "u1", "u8", "f2", "f4", "f8", "g"])
def test_real_numbers_are_accepted(dtype):
    require_numeric(np.dtype(dtype), "x.npy")


@given(st.binary(max_size=300), st.integers(0, 120))
def test_damaged_headers_end_in_an_error_or_a_header(noise, at):
    good = header(fields().ljust(110)).getvalue()
    try:
        found = read_header(io.BytesIO(good[:at] + noise + good[at + len(noise) :]), "x.npy")
    except DenseCliError:
        return
    assert all(n >= 0 for n in found.shape)
