"""Files made to break a reader, by class: each with words that its refusal must hold."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile import seeds, torchfiles

# What is in a file, and words of the message that refuses it as layer input; None: it is accepted.
Case = tuple[bytes, str | None]

_GOOD = seeds.npy(seeds.X2)


class _Evil:
    """Makes a marker when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("PWNED", "w")


def npy_header(text: str, data: bytes = b"", version: int = 1) -> bytes:
    """Return an NPY file with that header."""
    header = text.encode("latin-1")
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(header))
        + header
        + data
    )


def npy_claim(shape: str, descr: str = "'<f8'", fortran: str = "False", data: bytes = b"") -> bytes:
    """Return an NPY file that claims a shape."""
    return npy_header(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n", data)


def _zip(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def _twice() -> bytes:
    """Return an archive with two members of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _zip(("x.npy", _GOOD), ("x.npy", seeds.npy(seeds.X2 + 1)))


def _edited(content: bytes, *edits: tuple[bytes, int, bytes]) -> bytes:
    """Return ``content`` with bytes set at places counted from the first of a signature."""
    out = bytearray(content)
    for signature, offset, value in edits:
        at = out.index(signature) + offset
        out[at : at + len(value)] = value
    return bytes(out)


def npy() -> dict[str, Case]:
    """NPY: cut short, lying, unparsable, of another kind, or with code inside."""
    pickled = seeds.npy(np.array([_Evil()], object), allow_pickle=True)
    cases: dict[str, Case] = {
        "empty": (b"", "empty"),
        "magic alone": (b"\x93NUM", "truncated NPY header"),
        "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not an NPY array"),
        "text": (b"hello, world\n", "not an NPY array"),
        "bare pickle": (b"\x80\x04\x95" + bytes(50), "not an NPY array"),
        "version 9": (b"\x93NUMPY\x09\x00" + bytes(100), "version 9.0"),
        "header too long": (npy_header(" " * 200_000, version=2), "NPY header too long"),
        "header of 4 GiB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "NPY header too long"),
        "call in header": (
            npy_header("__import__('pathlib').Path('PWNED').touch()\n"),
            "invalid NPY header",
        ),
        "nested header": (npy_header("(" * 4000), "invalid NPY header"),
        "huge integer": (npy_claim(f"({'9' * 5000},)"), "invalid NPY header"),
        "8 terabytes": (
            npy_claim("(1000000000000,)", data=bytes(8)),
            "truncated: expected 8000000000000 bytes",
        ),
        "beyond 64 bits": (npy_claim("(9223372036854775808, 4)"), "impossible size"),
        "zero and beyond 64 bits": (npy_claim("(0, 9223372036854775808, 4)"), "impossible size"),
        "zero and 2**124": (npy_claim("(0, 4611686018427387904, 4611686018427387904)"), "impossible size"),
        "fortran, zero and 2**60": (
            npy_claim("(0, 1152921504606846976, 4)", fortran="True"),
            "impossible size",
        ),
        "negative": (
            npy_claim("(-1, 4)"),
            "invalid NPY header: expected a shape of at most 32 sizes, found (-1,",
        ),
        "shape of bools": (npy_claim("(True, 4)"), "invalid NPY header: expected a shape"),
        "shape of floats": (npy_claim("(2.0, 4)"), "invalid NPY header: shape is not valid: (2.0, 4)"),
        "65 axes": (npy_claim(str((1,) * 65)), "expected a shape of at most 32 sizes"),
        "unknown dtype": (npy_claim("(1, 4)", "'<q99'"), "descr is not a valid dtype descriptor: '<q99'"),
        "list dtype": (npy_claim("(1, 4)", "[('a', '<f8')]"), "structured array"),
        "comma dtype": (npy_claim("(1, 4)", "'f8,f8'"), "structured array"),
        "void": (npy_claim("(1, 4)", "'V8'", data=bytes(32)), "raw bytes"),
        "complex": (seeds.npy(seeds.X2 + 1j), "complex numbers"),
        "strings": (seeds.npy(seeds.X2.astype(str)), "strings"),
        "bytes": (seeds.npy(seeds.X2.astype("S3")), "byte strings"),
        "dates": (seeds.npy(np.zeros((2, 2), "M8[s]")), "dates"),
        "objects": (pickled, "object array (a pickle): never loaded"),
        "single number": (seeds.npy(np.array(1.0)), "rank 1 or more"),
        "no features": (seeds.npy(np.empty((6, 0))), "expected features"),
        "fortran key as text": (npy_claim("(1, 4)", fortran="'no'"), "fortran_order"),
        "data cut": (_GOOD[:-20], "truncated: expected 192 bytes"),
        "fortran data cut": (seeds.npy(np.asfortranarray(seeds.X2))[:-20], "truncated: expected 192 bytes"),
        "no samples": (seeds.npy(np.empty((0, 4))), None),
        "bytes after the data": (_GOOD + b"more", None),
        "python 2 header": (npy_claim("(1L, 4L)", data=bytes(32)), None),
    }
    for size in (7, 9, 11, 60, 127):
        cases[f"cut at {size}"] = (_GOOD[:size], "truncated NPY header")
    return cases


def npz() -> dict[str, Case]:
    """NPZ: bombs, lies in the directory, encryption, names that climb, pickles, several arrays."""
    good = _zip(("x.npy", _GOOD))
    claim = npy_claim("(4611686018427387904, 4)")
    rows = 1 << 16
    bomb = npy_claim(f"({rows}, 4)")
    deflated = zipfile.ZIP_DEFLATED
    pickled = seeds.npy(np.array([_Evil()], object), allow_pickle=True)
    return {
        "no members": (_zip(), "expected one array, found no arrays"),
        "no arrays": (_zip(("readme.txt", b"hello")), "expected one array, found no arrays"),
        "two arrays": (
            _zip(("a.npy", _GOOD), ("b.npy", _GOOD)),
            "expected one array, found 'a' (6, 4), 'b' (6, 4)",
        ),
        "directory cut off": (good[:-30], "not a readable zip archive"),
        "directory before the start": (
            _edited(good, (b"PK\x05\x06", 16, struct.pack("<I", len(good)))),
            "zip",
        ),
        "cut in half": (good[: len(good) // 2], "not a readable zip archive"),
        "text": (b"hello", "not npz"),
        "encrypted": (_edited(good, (b"PK\x03\x04", 6, b"\x01"), (b"PK\x01\x02", 8, b"\x01")), "encrypted"),
        "other compression": (
            _edited(good, (b"PK\x03\x04", 8, b"\x63"), (b"PK\x01\x02", 10, b"\x63")),
            "zip",
        ),
        "sizes that lie": (
            _edited(good, (b"PK\x01\x02", 20, struct.pack("<II", 1 << 30, 1 << 30))),
            "the member holds 1073741696",
        ),
        "a flipped bit": (_edited(good, (_GOOD[-4:], 0, b"\x01")), "Bad CRC-32"),
        "a flipped bit, deflated": (
            _edited(_zip(("x.npy", _GOOD), compression=deflated), (b"PK\x01\x02", 16, b"\0\0\0\0")),
            "Bad CRC-32",
        ),
        "two members of one name": (_twice(), "2 members named x.npy"),
        "claim": (_zip(("x.npy", claim)), "impossible size"),
        "claim, deflated": (
            _zip(("x.npy", npy_claim("(10000000, 4)")), compression=deflated),
            "the member holds 0",
        ),
        "pickle": (_zip(("x.npy", pickled)), "object array (a pickle): never loaded"),
        "member cut": (_zip(("x.npy", _GOOD[:-20]), compression=deflated), "the member holds 172"),
        "empty member": (_zip(("x.npy", b"")), "truncated or empty"),
        "bomb": (_zip(("x.npy", bomb + bytes(rows * 32)), compression=deflated), None),
        "a name that climbs": (_zip(("../../evil.npy", _GOOD)), None),
        "an absolute name": (_zip(("/evil.npy", _GOOD)), None),
        "a text beside": (_zip(("x.npy", _GOOD), ("evil.py", b"open('PWNED', 'w')")), None),
    }


def safetensors() -> dict[str, Case]:
    """safetensors: headers that lie, sizes that do not fit, names twice, dtypes that are none."""
    data = np.arange(8, dtype="<f4").tobytes()

    def made(header: object, data: bytes = data, length: int | None = None) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    def entry(dtype: object = "F32", shape: object = (2, 4), offsets: object = (0, 32)) -> dict[str, object]:
        return {"dtype": dtype, "shape": shape, "data_offsets": offsets}

    return {
        "empty": (b"", "no data"),
        "a length alone": (struct.pack("<Q", 8), "not safetensors"),
        "no tensors": (made({}, b""), "expected one array, found no arrays"),
        "two tensors": (
            made({"a": entry(shape=(1, 4), offsets=(0, 16)), "b": entry(shape=(1, 4), offsets=(16, 32))}),
            "found 'a' (1, 4), 'b' (1, 4)",
        ),
        "a name twice": (
            made(b'{"x":%b,"x":%b}' % ((json.dumps(entry()).encode(),) * 2)),
            "two members named x",
        ),
        "a header of 2**40": (made({"x": entry()}, length=2**40 - 1), "its header claims"),
        "bytes that are in no tensor": (made({"x": entry()}, data + b"more"), "its header speaks of"),
        "bytes that are not there": (made({"x": entry()}, data[:-1]), "its header speaks of"),
        "a hole": (made({"x": entry(shape=(1, 4), offsets=(16, 32))}), "begins at 16, what stands before it"),
        "one over another": (
            made({"x": entry(), "y": entry(shape=(1, 4), offsets=(16, 32))}),
            "begins at 16, what stands before it ends at 32",
        ),
        "another size": (made({"x": entry(shape=(3, 4))}), "does not fill bytes 0 to 32"),
        "a size of 2**80": (made({"x": entry(shape=(2**40, 2**40))}), "does not fill bytes"),
        "a negative size": (made({"x": entry(shape=(-2, -4))}), "expected whole numbers"),
        "sizes of truths": (made({"x": entry(shape=(True, 8))}), "expected whole numbers"),
        "offsets that go back": (made({"x": entry(offsets=(32, 0))}), "does not fill bytes"),
        "one offset": (made({"x": entry(offsets=(0,))}), "expected dtype, shape and data_offsets"),
        "an unknown dtype": (made({"x": entry("F7")}), "unknown dtype F7"),
        "a dtype that is a list": (made({"x": entry(["F32"])}), "unknown dtype"),
        "a dtype of no numbers": (made({"x": entry("C64", (1, 4))}), "has dtype C64"),
        "an entry of a number": (made({"x": 1}), "expected dtype, shape and data_offsets"),
        "not JSON": (made(b"{" + b" " * 8), "not JSON"),
        "nested": (made(b'{"x":' * 3000), "nested too deeply"),
        "metadata": (made({"__metadata__": {"a": "b"}, "x": entry()}), None),
        "bfloat16": (made({"x": entry("BF16", (4, 4), (0, 32))}), None),
        "truths": (made({"x": entry("BOOL", (8, 4), (0, 32))}, bytes(range(32))), None),
    }


def parquet() -> dict[str, Case]:
    """Parquet: cut, lying, of other kinds of columns, several arrays."""
    good = seeds.parquet(seeds.X2)

    def table(**columns: object) -> bytes:
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        return file.getvalue()

    unreadable = "not readable as Parquet"
    return {
        "empty": (b"", "no data"),
        "text": (b"hello, world\n", unreadable),
        "magic alone": (b"PAR1", unreadable),
        "magic twice": (b"PAR1PAR1", unreadable),
        "cut at the end": (good[:-5], unreadable),
        "cut in half": (good[: len(good) // 2], unreadable),
        "the end alone": (good[len(good) // 2 :], unreadable),
        "a footer of 2**31": (good[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1", unreadable),
        "an empty footer": (good[:-8] + struct.pack("<I", 0) + b"PAR1", unreadable),
        "a footer of zeros": (good[:4] + bytes(100) + struct.pack("<I", 100) + b"PAR1", unreadable),
        "encrypted": (good[:-4] + b"PARE", unreadable),
        "a flipped bit": (_edited(good, (np.float64(seeds.X2[1, 0]).tobytes(), 3, b"\xff")), unreadable),
        "texts": (table(a=["x"]), "column 'a' holds string"),
        "a name with an escape": (table(**{"\x1b[31m": ["x"]}), "holds string"),
        "a name of 100,000": (table(**{"k" * 100_000: ["x"]}), "holds string"),
        "null": (table(a=[1.0, None]), "column 'a': row 1 is null: expected a number"),
        "two lists": (table(a=[[1.0]], b=[[1.0]]), "expected one array, found columns 'a', 'b'"),
        "ragged": (table(a=[[1.0, 2.0], [1.0]]), "ragged: row 1 has length 1, those before have 2"),
        "no rows": (table(a=pa.array([], pa.float32())), "the table has no rows"),
        "no columns": (table(), "found no columns"),
        "structs": (table(a=[{"b": 1.0}]), "column 'a' holds struct"),
        "dates": (table(a=pa.array([1], pa.timestamp("s"))), "column 'a' holds timestamp"),
        "bytes": (table(a=[b"x"]), "column 'a' holds binary"),
        "lists": (table(a=[[1.0, 2.0]], b=["x"]), None),
        "NaN": (table(a=[1.0], b=[2.0]), None),
    }


def arrow() -> dict[str, Case]:
    """Arrow: messages that lie, streams without an end, compressed buffers of another size."""
    good = seeds.arrow(seeds.X2)
    packed = seeds.arrow(seeds.X2, compression="zstd")

    def message(size: int, metadata: bytes = b"") -> bytes:
        return b"\xff\xff\xff\xff" + struct.pack("<i", size) + metadata

    cases: dict[str, Case] = {
        "empty": (b"", "no data"),
        "text": (b"hello, world\n", "not arrow: it begins with"),
        "magic alone": (b"ARROW1\0\0", "truncated: Arrow's mark of the end is not there"),
        "the mark of the end alone": (message(0), "not readable as Arrow"),
        "metadata of 2**31": (message(2**31 - 1), "no message of Arrow begins with"),
        "metadata of less than nothing": (message(-1), "no message of Arrow begins with"),
        "metadata that are not there": (message(1 << 20, b"x"), "damaged or truncated"),
        "metadata of zeros": (message(64, bytes(64)), "damaged"),
        "metadata of ones": (message(64, b"\xff" * 64), "damaged or truncated"),
        "a table before the start": (message(64, struct.pack("<Ii", 4, 2**30) + bytes(56)), "damaged"),
        "no mark of the end": (good[:-8], "truncated: Arrow's mark of the end is not there"),
        "cut in half": (good[: len(good) // 2], "truncated"),
        "another message": (good[:-8] + message(0x4242), "truncated"),
        "an older version": (good[4:], "not arrow: it begins with"),
        "a compressed buffer of 2**40": (
            _edited(packed, (b"\x28\xb5\x2f\xfd", -8, struct.pack("<q", 2**40))),
            "would take",
        ),
        "a compressed buffer of another size": (
            _edited(packed, (b"\x28\xb5\x2f\xfd", -8, struct.pack("<q", 2**20))),
            "not readable as Arrow",
        ),
        "bytes after the end": (good + b"more", None),
    }
    return cases


def torch() -> dict[str, Case]:
    """PyTorch: what `torchfiles` has, as input."""
    cases: dict[str, Case] = {}
    for name, (content, words) in torchfiles.hostile().items():
        # Where there is no tensor, no array can be chosen.
        cases[name] = (content, "expected one array" if words == "no kernel" else words)
    return cases


def json_() -> dict[str, Case]:
    """JSON: not JSON, not an array, ragged, of other kinds, too deep, beyond the range."""
    deep = "nested too deeply for an array"
    return {
        "empty": (b"", "no data"),
        "white space": (b" \n\t ", "no data"),
        "a number": (b"1", "single number"),
        "a string": (b'"x"', "found a string"),
        "null": (b"null", "found null"),
        "[]": (b"[]", "no samples"),
        "[[], []]": (b"[[], []]", "expected features"),
        "ragged": (b"[[1, 2], [3]]", "ragged: [1] has length 1, [0] has length 2"),
        "ragged deep": (b"[[[1], [2]], [[3], [4, 5]]]", "ragged: [1][1] has length 2"),
        "number among lists": (b"[[1], 2]", "ragged"),
        "list among numbers": (b"[1, [2]]", "expected a number as at [0], found a list at [1]"),
        "string among numbers": (b'[[1, "2"]]', "found a string '2' at [0][1]"),
        "null among numbers": (b"[[1, null]]", "found null at [0][1]"),
        "object among numbers": (b'[[1, {"a": 2}]]', "found an object at [0][1]"),
        "400 digits": (b"[[1" + b"0" * 400 + b", 1]]", "beyond the range of float64"),
        "1e400": (b"[[1e400]]", "beyond the range of float64"),
        "NaN": (b"[[NaN, 1]]", "not JSON"),
        "10,000 deep": (b"[" * 10_000 + b"]" * 10_000, deep),
        "500 deep": (b"[" * 500 + b"1" + b"]" * 500, "nested deeper than an array can be"),
        "objects 1,000 deep": (b'{"a":' * 1000 + b"1" + b"}" * 1000, "expected one array"),
        "trailing comma": (b"[[1, 2],]", "trailing comma is not allowed, line 1 column 8"),
        "two documents": (b"[[1, 2]]\n[[3, 4]]\n", "not JSON"),
        "comment": (b"[[1, 2]] // x", "not JSON"),
        "bad UTF-8": (b'{"\xff": [[1]]}', "not JSON"),
        "UTF-16": ("[[1, 2]]".encode("utf-16"), "expected JSON in UTF-8, found UTF-16"),
        "cut": (b"[[1, 2], [3", "not JSON"),
        "NUL": (b"[[1, 2\0]]", "not JSON"),
        "two arrays": (b'{"a": [1], "b": [2]}', "expected one array, found 'a', 'b'"),
        "no arrays": (b'{"a": 1}', "expected one array, found no arrays"),
        "a name of 100,000": (json.dumps({"k" * 100_000: [["x"]]}).encode(), "found a string 'x'"),
        "names of 100,000": (json.dumps({"k" * 100_000: [1], "l": [1]}).encode(), "expected one array"),
        "a name with an escape": (b'{"\\u001b[31m": [["x"]]}', r"[\x1b[31m]: expected a number"),
        "byte order mark": (b"\xef\xbb\xbf[[1, 2]]", None),
        "the same name twice": (b'{"x": [[1, 2]], "x": [[3, 4]]}', "an object has two members named x"),
        "the same name, escaped": (b'{"x": [[1, 2]], "\\u0078": [[3, 4]]}', "two members named x"),
        "the same name inside": (b'{"x": [1], "y": {"a": "}", "a": {}}}', "two members named a"),
        "one name in two objects": (b'{"x": [[1, 2]], "y": {"x": "{"}, "z": {"x": {}}}', None),
        "denormal": (b"[[5e-324, -0.0]]", None),
    }


def jsonl() -> dict[str, Case]:
    """JSON Lines: the same line by line, and places that make no sense."""
    return {
        "empty": (b"", "no data"),
        "blank lines": (b"\n\n\n", "no data"),
        "not JSON": (b"[1, 2]\n[3\n", "line 2: not JSON"),
        "other features": (b"[1, 2]\n[3]\n", "line 2: shape (1,)"),
        "other rank": (b"[1, 2]\n[[3, 4]]\n", "line 2: shape (1, 2)"),
        "a string": (b'["1"]\n', "found a string '1'"),
        "a number": (b"1\n2\n", "single number"),
        "deep": (b"[" * 2000 + b"\n", "nested too deeply"),
        "carriage returns": (b"[1, 2]\r[3, 4]\r", "line 1: not JSON"),
        "CRLF": (b"[1, 2]\r\n[3, 4]\r\n", None),
        "no newline": (b"[1, 2]\n[3, 4]", None),
    }


def csv() -> dict[str, Case]:
    """CSV: ragged, of other kinds, other separators, other encodings, cells without end."""
    return {
        "empty": (b"", "no data"),
        "blank lines": (b"\n\n", "no data"),
        "a header alone": (b"a,b\n", "no data"),
        "two headers": (b"a,b\nc,d\n", "line 2, column 1: expected a number, found 'c'"),
        "ragged": (b"1,2\n3\n", "ragged: line 2 has 1 column, the first line has 2 columns"),
        "trailing comma": (b"1,2,\n", "column 3: expected a number, found ''"),
        "semicolons": (b"1;2\n3;4\n", "expected a number, found '1;2'"),
        "tabs": (b"1\t2\n", "expected a number"),
        "hexadecimal": (b"0x10,1\n", "expected a number, found '0x10'"),
        "complex": (b"1+2j,1\n", "expected a number, found '1+2j'"),
        "underscores": (b"1_0,1\n", "expected a number, found '1_0'"),
        "an escape": (b"1,\x1b[31m\n", r"found '\x1b[31m'"),
        "Latin-1": (b"1,2\n\xe9,3\n", "expected UTF-8"),
        "UTF-16": ("1,2\n".encode("utf-16"), "expected UTF-8"),
        "carriage returns": (b"1,2\r3,4\r", "line 1, column 2: expected a number"),
        "400 digits": (b"1" + b"0" * 400 + b",1\n", "beyond the range of float64"),
        "a cell of 200,000 letters": (b"1," + b"a" * 200_000 + b"\n", "line 1, column 2: expected a number"),
        "a cell of 200,000 digits": (b"1" * 200_000 + b",1\n", "beyond the range of float64"),
        "a quote without end": (b'"1,2\n3', "expected"),
        "NUL": (b"1,2\0\n", "expected a number"),
        "quoted numbers": (b'"1","2"\n', None),
        "CRLF": (b"1,2\r\n3,4\r\n", None),
        "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", None),
    }


def outputs() -> dict[str, Case]:
    """Finished outputs, for `slice`: places, steps and probabilities that make no sense."""

    def line(**value: object) -> bytes:
        return json.dumps(value).encode() + b"\n"

    p = [0.5, 0.5]
    return {
        "sample -1.jsonl": (line(sample=-1, t=0, probabilities=p), "expected whole numbers"),
        "sample 1.5.jsonl": (line(sample=1.5, t=0, probabilities=p), "expected whole numbers"),
        "sample true.jsonl": (line(sample=True, t=0, probabilities=p), "expected whole numbers"),
        "sample 10**23.jsonl": (line(sample=10**23, t=0, probabilities=p), "expected whole numbers"),
        "index 5.jsonl": (line(sample=0, t=0, index=5, probabilities=p), "expected whole numbers"),
        "deep sample.jsonl": (
            b'{"sample": ' + b"[" * 900 + b"]" * 900 + b', "probabilities": [1]}\n',
            "expected whole numbers",
        ),
        "two rows in a step.jsonl": (
            line(sample=0, t=0, probabilities=[p, p]),
            "expected a step with sample, t and index",
        ),
        "axes that change.jsonl": (
            line(sample=0, t=0, probabilities=p) + line(sample=1, probabilities=p),
            "line 2[probabilities]: expected a step with sample, t and index as on line 1",
        ),
        "a step twice.jsonl": (
            line(sample=0, t=0, probabilities=p) + line(sample=0, t=0, probabilities=p),
            "expected each row once, found sample 0, t 0 twice",
        ),
        "the top alone.jsonl": (line(sample=0, t=0, top=[]), "holds only the likeliest classes"),
        "not a distribution.jsonl": (line(sample=0, t=0, probabilities=[0.5, 0.6]), "found a sum of 1.1"),
        "negative.jsonl": (line(sample=0, t=0, probabilities=[-0.5, 1.5]), "a negative value -0.5"),
        "sample 0.5.csv": (b"sample,t,class,p0,p1\n0.5,0,0,1,0\n", "expected whole numbers for sample and t"),
        "sample nan.csv": (b"sample,t,class,p0,p1\nnan,0,0,1,0\n", "expected whole numbers for sample and t"),
        "no numbers.csv": (b"sample,t,class\n0,0,0\n", "expected columns p0, p1"),
        "steps without probabilities.json": (b'{"layer": null, "steps": [1]}', "expected probabilities"),
        "no steps.json": (b'{"layer": null, "steps": []}', "expected probabilities"),
        "null steps.json": (b'{"layer": {}, "probabilities": null}', "expected one array, found no arrays"),
    }


def labels() -> dict[str, Case]:
    """Label files for three classes."""
    return {
        "empty.txt": (b"", "expected 3, one for each class, found 0 labels"),
        "two.txt": (b"a\nb\n", "expected 3, one for each class, found 2 labels"),
        "four.txt": (b"a\nb\nc\nd\n", "expected 3, one for each class, found 4 labels"),
        "latin.txt": (b"a\nb\n\xe9\n", "not UTF-8 text: byte 0xe9 at offset 4"),
        "utf-16.txt": ("a\nb\nc\n".encode("utf-16"), "not UTF-8 text"),
        "broken.json": (b'["a", ', "not JSON"),
        "deep.json": (b"[" * 5000, "not JSON"),
        "deep objects.json": (b'{"a":' * 1000 + b"1" + b"}" * 1000, "expected a class number"),
        "deep lists.json": (b"[" * 900 + b"]" * 900, "label 0: expected a string"),
        "number.json": (b"7", "expected a list of strings or an object"),
        "numbers.json": (b"[1, 2, 3]", "label 0: expected a string, found 1"),
        "beyond.json": (b'{"a": 99999999999}', "is of class 99999999999"),
        "negative.json": (b'{"a": -1}', "expected a class number, found -1"),
        "twice.json": (b'{"a": 0, "b": 0}', "class 0 has two tokens"),
        "long.txt": (b"a" * 100_000 + b"\nb\nc\n", None),
        "controls.txt": ("\x1b[31mred\x1b[0m\n\x07\x08\x7f\n\u202eevil\u202c\n".encode(), None),
        "same.txt": (b"a\na\na\n", None),
        "blank.txt": (b"\n\n\n", None),
        "bom.txt": (b"\xef\xbb\xbfa\r\nb\r\nc\r\n", None),
        "numbered.txt": (b"0 \x1b[31ma\n2 c\n1 b\n", None),
        "numbers without names.txt": (b"0" + b" " * 100_000 + b"\n1\n2\n", None),
        "large numbers.txt": (b"a 999999999\nb 1\nc 0\n", None),
        "a cell without end.csv": (b'index,name\n0,"' + b"a" * 200_000, "field larger than field limit"),
        "a header without end.csv": (b'index,name,"x\n' + b"a" * 200_000, "field larger than field limit"),
        "large index.csv": (b"index,name\n" + b"9" * 5000 + b",a\n", "expected a class number"),
        "large class.csv": (b"index,name\n999999999999999999,a\n", "is of class 999999999999999999"),
        "large key.json": (b'{"' + b"9" * 5000 + b'": "a"}', "expected a class number"),
        "ids of lists.json": (b'{"0": [], "1": [1], "2": [[]]}', "class 0: expected a string, found []"),
        "tokenizer of nothing.json": (b'{"class_name": "Tokenizer", "config": {}}', "word_index: expected"),
        "words in words.json": (
            b'{"class_name": "Tokenizer", "config": {"word_index": "[[[["}}',
            "word_index: not JSON",
        ),
        **{
            f"{name}.onnx": (seeds.onnx_metadata(names=content), words)
            for name, content, words in (
                ("deep metadata", "[" * 500_000, "expected names of classes"),
                ("deep signs", "[" + "-" * 500_000 + "1]", "expected names of classes"),
                ("calls", "[__import__('os').getpid()]", "expected names of classes"),
                ("lists as keys", "{[]: 1}", "expected names of classes"),
                ("odd literals", "{0: 1if 1else 2}", "expected names of classes"),
                ("large metadata", "[" + "1," * 2_000_000 + "1]", "expected 1048576 characters at most"),
                ("one name", "cat", "expected names of classes, found 'cat'"),
                ("numbers", "[1, 2, 3]", "label 0: expected a string, found 1"),
                ("a negative class", "{-1: 'a', 0: 'b', 1: 'c'}", "expected a class number"),
            )
        },
        "other metadata.onnx": (seeds.onnx_metadata(author="me"), "no names of classes in the metadata"),
        "no metadata.onnx": (seeds.onnx_metadata(), "no names of classes in the metadata"),
        "text.onnx": (b"a\nb\nc\n", "not a readable ONNX model"),
    }
