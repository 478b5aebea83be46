"""PyTorch files made to run code, to lie, or to end the process: each with words of its refusal."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

Case = tuple[bytes, str]


class _Evil:
    """Makes a marker when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("PWNED", "w")


def archive(content: bytes, **storages: bytes) -> bytes:
    """Return a file with that pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("m/data.pkl", content)
        for key, numbers in storages.items():
            made.writestr(f"m/data/{key}", numbers)
    return file.getvalue()


def _number(n: int) -> bytes:
    return pickle.dumps(n, 2)[2:-1]


def _text(text: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text


def _storage(kind: bytes = b"FloatStorage", key: bytes = b"0", numel: int = 12) -> bytes:
    return (
        b"("
        + _text(b"storage")
        + b"ctorch\n"
        + kind
        + b"\n"
        + _text(key)
        + _text(b"cpu")
        + _number(numel)
        + b"tQ"
    )


def tensor(
    shape: tuple[int, ...] = (3, 4), strides: tuple[int, ...] = (4, 1), offset: int = 0, **storage: object
) -> bytes:
    """Return the opcodes that rebuild a tensor."""
    sizes = b"(" + b"".join(map(_number, shape)) + b"t(" + b"".join(map(_number, strides)) + b"t"
    rest = b"\x89ccollections\nOrderedDict\n)R"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + _storage(**storage) + _number(offset) + sizes + rest + b"tR"
    )  # type: ignore[arg-type]


def state(*items: bytes) -> bytes:
    """Return the pickle of a dictionary of these keys and values."""
    return b"\x80\x02}(" + b"".join(items) + b"u."


def hostile() -> dict[str, Case]:
    """Return files by what is wrong with them."""
    numbers = bytes(48)
    key = _text(b"fc.weight")

    def lying(**what: object) -> bytes:
        return archive(state(key, tensor(**what)), **{"0": numbers})  # type: ignore[arg-type]

    legacy = b"".join(
        pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    return {
        "a pickle that opens a file": (pickle.dumps(_Evil()), "a pickle that is none of PyTorch's"),
        "a pickle that opens a file, in an archive": (archive(pickle.dumps(_Evil(), 2)), "no kernel"),
        "a value that opens a file": (archive(pickle.dumps({"fc.weight": _Evil()}, 2)), "no kernel"),
        "a function as a key": (archive(b"\x80\x02}cos\nsystem\n" + _text(b"x") + b"s."), "no kernel"),
        "system as a rebuild": (
            archive(state(key, b"cos\nsystem\n" + _text(b"touch PWNED") + b"\x85R")),
            "no kernel",
        ),
        "system through a type": (
            archive(
                state(
                    key,
                    b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nNU\x0btouch PWNED\x85NtR",
                )
            ),
            "not a PyTorch file",
        ),
        "inst": (archive(b"(S'touch PWNED'\nios\nsystem\n."), "no kernel"),
        "obj": (archive(b"(cos\nsystem\nS'touch PWNED'\no."), "no kernel"),
        "newobj and build": (archive(b"\x80\x02cos\nsystem\n)\x81}b."), "no kernel"),
        "an extension": (archive(b"\x80\x02\x82\x01."), "opcode EXT1 is not for tensors"),
        "a buffer": (archive(b"\x80\x05\x97."), "opcode NEXT_BUFFER is not for tensors"),
        "no pickle": (archive(b"hello"), "not a PyTorch file"),
        "an empty pickle": (archive(b""), "not a PyTorch file"),
        "an empty stack": (archive(b"\x80\x020."), "not a PyTorch file"),
        "no mark": (archive(b"\x80\x02t."), "not a PyTorch file"),
        "a memo that is not there": (archive(b"\x80\x02h\x05."), "not a PyTorch file"),
        "a memo of 4,000,000,000": (archive(state(b"N" + b"r\xff\xff\xff\xff", b"N")), "no kernel"),
        "a text of 4 GB": (archive(b"\x80\x02X\xff\xff\xff\xef"), "expected 4026531839 bytes"),
        "bytes of 2**60": (archive(b"\x80\x04\x8e" + struct.pack("<Q", 2**60)), "not a PyTorch file"),
        "a number of 5,000 digits": (archive(b"I" + b"9" * 5000 + b"\n."), "not a PyTorch file"),
        "a key of tuples in tuples": (
            archive(b"\x80\x02}(" + b")" + b"\x85" * 300_000 + b"K\x01u."),
            "a key that is no plain value",
        ),
        "lists in lists": (archive(b"\x80\x02" + b"]" * 10_000 + b"a" * 9_999 + b"."), "at most 200 levels"),
        "rebuilds in rebuilds": (
            archive(
                b"\x80\x02"
                + b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN" * 3000
                + b"NNN"
                + b"tNtR" * 3000
                + b"."
            ),
            "not a PyTorch file",
        ),
        "two tensors of one name": (
            archive(
                b"\x80\x02}("
                + _text(b"a.b")
                + b"}"
                + _text(b"c")
                + tensor()
                + b"s"
                + _text(b"a")
                + b"}"
                + _text(b"b.c")
                + tensor()
                + b"s"
                + _text(b"z")
                + b"}("
                + _text(b"c")
                + tensor()
                + _text(b"b.c")
                + tensor()
                + b"uu.",
                **{"0": numbers},
            ),
            "two tensors are called a.b.c",
        ),
        "a name that is no UTF-8": (
            archive(state(b"X\x03\0\0\0\xed\xa0\x80", tensor()), **{"0": numbers}),
            "expected names in UTF-8",
        ),
        "a storage that is not there": (
            archive(state(key, tensor())),
            "damaged: no storage 0 in the archive",
        ),
        "a tensor beyond its storage": (
            lying(shape=(30, 4)),
            "damaged: it needs 480 bytes of a storage of 48",
        ),
        "strides beyond its storage": (lying(strides=(2**40, 1)), "of a storage of 48"),
        "an offset beyond its storage": (lying(offset=1), "damaged: it needs 52 bytes of a storage of 48"),
        "a negative offset": (lying(offset=-1), "a tensor whose sizes are no numbers"),
        "a negative stride": (lying(strides=(-4, 1)), "a tensor whose sizes are no numbers"),
        "a negative size": (lying(shape=(-3, 4)), "a tensor whose sizes are no numbers"),
        "sizes beyond 64 bits": (lying(shape=(2**70, 4)), "a tensor whose sizes are no numbers"),
        "fewer strides than sizes": (lying(strides=(1,)), "a tensor that is none of PyTorch's"),
        "an unknown storage": (lying(kind=b"EvilStorage"), "not a PyTorch file"),
        "a bomb of strides": (
            lying(shape=(2**20, 2**20), strides=(0, 0)),
            "would take 4398046511104 bytes",
        ),
        "a smaller bomb of strides": (lying(shape=(2**13, 2**12), strides=(0, 0)), "a decompression bomb?"),
        "a compressed storage": (
            _deflated(state(key, tensor()), numbers),
            "is compressed: PyTorch compresses no tensors",
        ),
        "a legacy file that ends": (legacy, "not a PyTorch file"),
        "a legacy storage that is not there": (
            legacy + state(key, tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q", 12) + numbers[:40],
            "damaged: storage 0 claims 48 bytes",
        ),
        "a legacy storage of another size": (
            legacy + state(key, tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q", 2**62) + numbers,
            "damaged: storage 0 claims",
        ),
        "a legacy storage twice": (
            legacy + state(key, tensor()) + pickle.dumps(["0", "0"], 2) + (struct.pack("<q", 0)) * 2,
            "damaged: storage 0 claims 0 bytes",
        ),
        "no legacy storages": (
            legacy + state(key, tensor()) + pickle.dumps([], 2),
            "damaged: no numbers of storage 0",
        ),
        "legacy storages of no tensor": (
            legacy + state(key, tensor()) + pickle.dumps(["1"], 2),
            "not a PyTorch file",
        ),
    }


def _deflated(content: bytes, numbers: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("m/data.pkl", content, zipfile.ZIP_STORED)
        made.writestr("m/data/0", numbers)
    return file.getvalue()
