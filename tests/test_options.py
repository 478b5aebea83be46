"""Click types without a command line."""

from __future__ import annotations

from typing import Any

import click
import pytest

from dense_cli.cli.types import INDEX, SIZE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        (" 3 ", 3),
        ("1:3", slice(1, 3)),
        (":", slice(None, None)),
        ("::2", slice(None, None, 2)),
        ("-3:", slice(-3, None)),
        (":-1", slice(None, -1)),
        ("5:1:-2", slice(5, 1, -2)),
        (7, 7),
        (slice(1, 2), slice(1, 2)),
    ],
)
def test_an_index_or_a_slice_is_read_as_python_reads_it(text: Any, expected: int | slice) -> None:
    assert INDEX.convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", " ", "x", "1:x", "1.5", "1:2:3:4", "::0", "1,2", "[1]"])
def test_what_is_no_index_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        INDEX.convert(text, None, None)
    assert caught.value.message == (
        f"{text!r} is not a valid index or slice: expected for example 3, -1, 1:3 or ::2"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000000", 1_000_000),
        ("64MiB", 64 << 20),
        ("64mb", 64 << 20),
        ("2G", 2 << 30),
        ("1 KiB", 1 << 10),
        ("1T", 1 << 40),
        ("5b", 5),
        (12, 12),
    ],
)
def test_a_size_is_a_number_of_bytes(text: Any, expected: int) -> None:
    assert SIZE.convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "1x", "M", "1.5G", "1e6", "9" * 19])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        SIZE.convert(text, None, None)
    assert caught.value.message == f"{text!r} is not a valid size: expected for example 64MiB or 2GiB"
