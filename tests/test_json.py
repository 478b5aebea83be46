"""dense_cli.files.json: two members of one name are found wherever they stand, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.errors import FileFormatError
from dense_cli.files.json import parse

NAMES = st.text(st.sampled_from('ab{}[]":,\\\\é\\n '), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_objects_whose_names_differ_are_read(value: dict[str, Any], ascii: bool, indent: int | None) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii, indent=indent).encode(), "x") == value


@given(st.dictionaries(NAMES, VALUES, max_size=4), NAMES, VALUES, st.booleans(), st.booleans())
def test_a_name_that_an_object_has_twice_is_refused(
    value: dict[str, Any], name: str, other: Any, ascii: bool, inside: bool
) -> None:
    class Twice(dict):
        """An object that is written with a name twice."""

        def items(self) -> Any:
            return [*value.items(), *([] if name in value else [(name, 1)]), (name, other)]

    twice: Any = Twice({name: other})
    text = json.dumps({"outer": [twice, {}]} if inside else twice, ensure_ascii=ascii).encode()
    with pytest.raises(FileFormatError, match=r"^x: an object has two members named "):
        parse(text, "x")
