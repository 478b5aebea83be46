"""Reading calls that are written as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dense_cli.errors import ConfigError
from dense_cli.spec import MAX_LENGTH, check_number, make, parse_call, without_prefix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("softmax", ("softmax", [], {})),
        ("softmax()", ("softmax", [], {})),
        ("a.b.c(1)", ("a.b.c", [1], {})),
        ("  f ( 1 , b = 2 , )  ", ("f", [1], {"b": 2})),
        ("f(\n  1,\n  b=2,\n)", ("f", [1], {"b": 2})),
        ("f(-1, +2.5, -1e-3, 0x10, 1_000)", ("f", [-1, 2.5, -0.001, 16, 1000], {})),
        ("f('a', \"b\", 'c' 'd')", ("f", ["a", "b", "cd"], {})),
        ("f(True, False, None)", ("f", [True, False, None], {})),
        ("f([1, -2], (3,), [])", ("f", [[1, -2], (3,), []], {})),
        ("f(- -1)", ("f", [1], {})),
    ],
)
def test_calls_of_plain_values_are_read(text: str, expected: tuple) -> None:
    assert parse_call(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "f(",
        "f)",
        "f()()",
        "f(1)(2)",
        "f()[0]",
        "f() + g()",
        "1",
        "'softmax'",
        "(lambda: 1)()",
        "f(a=1, a=2)",
        "f(a=1, 2)",
        "f; g",
        "import os",
        "f(1\x00)",
        "\x00",
        "\ud800",
        "f(0777)",
        "f(1if 2else 3)x",
        "(" * 500 + ")" * 500,
        "f(" + "-" * 900 + ")",
        "f(" + "[" * 450 + "]" * 450 + ")",
        "9" * 990 + ".x()",
        "f[" * 300,
    ],
)
def test_what_is_no_call_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_call(text)
    message = str(caught.value)
    assert message.startswith("cannot read ")
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    "text",
    [
        "f(g())",
        "f(__import__('os').system('id'))",
        "f(x)",
        "f(1 + 1)",
        "f(1j)",
        "f(-True)",
        "f(b'a')",
        "f(...)",
        "f({})",
        "f({1})",
        "f(*[1])",
        "f(**{})",
        "f(f'{1}')",
        "f([x for x in (1,)])",
        "f(x := 1)",
        "f(not 1)",
        "f(a=seeds)",
    ],
)
def test_nothing_is_evaluated(text: str) -> None:
    with pytest.raises(ConfigError, match="expected plain values"):
        parse_call(text)


def test_a_long_text_is_refused_unread() -> None:
    assert parse_call("a" * MAX_LENGTH)[0] == "a" * MAX_LENGTH
    with pytest.raises(
        ConfigError, match="is too long: expected at most 1000 characters, found 1001"
    ) as caught:
        parse_call("a" * 1001)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        name, args, kwargs = parse_call(text)
    except ConfigError:
        return
    assert all(part.isidentifier() for part in name.split("."))
    assert isinstance(args, list)
    assert isinstance(kwargs, dict)


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    numbers | st.booleans() | st.none() | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.tuples(children),
    max_leaves=6,
)


@given(st.lists(values, max_size=3), st.dictionaries(st.sampled_from(["a", "b_1", "stddev"]), values))
def test_what_python_writes_is_read_back(args: list, kwargs: dict) -> None:
    written = [repr(value) for value in args] + [f"{name}={value!r}" for name, value in kwargs.items()]
    text = f"name({', '.join(written)})"
    if len(text) <= MAX_LENGTH:
        assert parse_call(text) == ("name", args, kwargs)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", "relu"),
        ("activations.relu", "relu"),
        ("keras.activations.relu", "relu"),
        ("tf.keras.activations.relu", "relu"),
        ("tensorflow.keras.activations.relu", "relu"),
        ("keras.layers.relu", "keras.layers.relu"),
        ("myactivations.relu", "myactivations.relu"),
    ],
)
def test_the_path_of_keras_code_is_taken_off(name: str, expected: str) -> None:
    assert without_prefix(name, "activations") == expected


def test_arguments_that_do_not_fit_are_named_with_those_that_do() -> None:
    def function(a: int, b: int = 2) -> int:
        return a + b

    assert make("f", function, [1], {}) == 3
    with pytest.raises(ConfigError, match="f: missing a required argument: 'a'; it takes a, b"):
        make("f", function, [], {})
    with pytest.raises(ConfigError, match="f: too many positional arguments; it takes no arguments"):
        make("f", lambda: 1, [1], {})


@pytest.mark.parametrize("value", ["1", b"1", None, [1], 1j, float("nan"), float("inf"), 10**400])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="`gain` must be a finite number, found ") as caught:
        check_number("gain", value)
    assert len(str(caught.value)) < 120
