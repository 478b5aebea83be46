"""The four generators: known answers, and what holds for every seed, shape and block size."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import golden
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_cli import random
from dense_cli.errors import ConfigError
from dense_cli.random import arithmetic, filling, glibc, jax, tensorflow, torch

FLOAT32 = np.dtype("float32")
DISTRIBUTIONS = {"normal": (0.5, 2.0), "uniform": (-1.0, 3.0), "truncated_normal": (0.5, 2.0)}


def draw(
    backend: str, distribution: str, shape: tuple, seed: tuple[int, int], dtype: str = "float32"
) -> np.ndarray:
    return getattr(random.load(backend), distribution)(
        shape, *DISTRIBUTIONS[distribution], seed, np.dtype(dtype)
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_the_size_of_a_block_changes_nothing(backend: str, distribution: str, dtype: str) -> None:
    if (backend, dtype) == ("jax", "float64"):
        pytest.skip("jax makes no float64")
    module = random.load(backend)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(0, 3))
    def check(size: int, block: int, seed: int, counter: int) -> None:
        expected = draw(backend, distribution, (size,), (seed, counter), dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "BLOCK", block)
            found = draw(backend, distribution, (size,), (seed, counter), dtype)
        assert found.tobytes() == expected.tobytes()

    check()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_the_default_block_changes_nothing_either(backend: str, distribution: str) -> None:
    module = random.load(backend)
    expected = draw(backend, distribution, (700, 431), (9, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", 1 << 22)
        found = draw(backend, distribution, (700, 431), (9, 0))
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal"])
def test_jax_gives_the_same_numbers_from_its_table(distribution: str) -> None:
    # An element of jax depends on its place only, so a short array is the beginning of a long one.
    long = draw("jax", distribution, (jax.MANTISSAS + 1,), (7, 0))
    short = draw("jax", distribution, (200_000,), (7, 0))
    assert long[:200_000].tobytes() == short.tobytes()


@pytest.mark.parametrize("backend", ["numpy", "jax", "tensorflow"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 5000))
def test_truncated_numbers_lie_within_two_standard_deviations(backend: str, seed: int, size: int) -> None:
    found = random.load(backend).truncated_normal((size,), 0.0, 1.0, (seed, 0), FLOAT32)
    assert (np.abs(found) <= 2).all()


def test_torch_lets_a_few_truncated_numbers_through() -> None:
    # All four candidates lie outside with a probability of 0.0455**4 = 4.3e-6: 17 expected of 4 million.
    found = random.load("torch").truncated_normal((4_000_000,), 0.0, 1.0, (1, 0), FLOAT32)
    assert 0 < (np.abs(found) >= 2).sum() < 50


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 400), st.integers(0, 2**32 - 1))
def test_torch_truncates_as_its_definition_says(size: int, seed: int) -> None:
    candidates = torch.normal((size, 4), 0.0, 1.0, (seed, 0), FLOAT32)
    expected = [next((value for value in row if abs(value) < 2), row[0]) for row in candidates]
    found = torch.truncated_normal((size,), 0.0, 1.0, (seed, 0), FLOAT32)
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_the_counter_gives_other_numbers(backend: str) -> None:
    first, second = (draw(backend, "normal", (20,), (5, counter)) for counter in (0, 1))
    assert not (first == second).any()


def test_torch_adds_the_counter_to_the_seed() -> None:
    assert (
        draw("torch", "normal", (20,), (5, 1)).tobytes() == draw("torch", "normal", (20,), (6, 0)).tobytes()
    )


def test_tensorflow_takes_seeds_modulo_2_to_the_31_minus_2() -> None:
    assert (
        draw("tensorflow", "normal", (20,), (2**31 - 1, 0)).tobytes()
        == draw("tensorflow", "normal", (20,), (1, 0)).tobytes()
    )


# Known answers of Random123 1.14 (kat_vectors), and of the paper on MT19937.


def test_threefry_encrypts_zeros_as_random123_does() -> None:
    assert jax._threefry((0, 0), 0, 1).tolist() == [0x6B200159 ^ 0x99BA4EFE]


def test_philox_encrypts_as_random123_does() -> None:
    def words(*counter: int) -> tuple[np.ndarray, ...]:
        return tuple(np.array([word], np.uint64) for word in counter)

    zeros = tensorflow._philox(words(0, 0, 0, 0), (0, 0))
    assert zeros[:, 0].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = tensorflow._philox(words(*[0xFFFFFFFF] * 4), (0xFFFFFFFF, 0xFFFFFFFF))
    assert ones[:, 0].tolist() == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = tensorflow._philox(words(0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert pi[:, 0].tolist() == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_mt19937_begins_as_in_its_paper() -> None:
    assert torch._Words((5489, 0)).draw(10_000)[[0, 9999]].tolist() == [3499211612, 4123659995]


@pytest.mark.parametrize("backend", golden.BACKENDS)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_scratch_memory_is_small_beside_the_kernel(backend: str, distribution: str) -> None:
    draw(backend, distribution, (10,), (0, 0))
    tracemalloc.start()
    try:
        kernel = draw(backend, distribution, (1000, 2000), (0, 0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * kernel.nbytes


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown rng 'tensorflwo'; did you mean 'tensorflow'"):
        random.load("tensorflwo")


# --- arithmetic: within half a unit in the last place, and a little, of the true value


def _ulps(found: np.ndarray, true: np.ndarray) -> float:
    return float((np.abs(found - true) / np.spacing(np.abs(found)).astype(np.float64)).max())


def test_logf_and_sincosf_are_as_accurate_as_glibc_says() -> None:
    x = np.random.default_rng(0).uniform(1e-7, 1, 200_000).astype(np.float32)
    assert _ulps(glibc.logf(x), np.log(x.astype(np.float64))) < 0.82
    angle = (x * np.float32(6.2831855)).astype(np.float32)
    sine, cosine = glibc.sincosf(angle)
    assert _ulps(sine, np.sin(angle.astype(np.float64))) < 0.57
    assert _ulps(cosine, np.cos(angle.astype(np.float64))) < 0.57


def test_a_fused_multiply_add_rounds_once() -> None:
    a = np.array([1 + 2**-12], np.float32)
    assert arithmetic.fma(a, a, -1.0).tolist() == [2**-11 + 2**-24]
    assert (a * a - np.float32(1)).tolist() == [2**-11]  # rounded twice
    assert arithmetic.horner(a.astype(np.float64), (1.0, 0.0, -1.0)).tolist() == [2**-11 + 2**-24]


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_a_fused_multiply_add_of_float64_is_the_exact_one_rounded(a: float, b: float, c: float) -> None:
    exact = float(Fraction(a) * Fraction(b) + Fraction(c))
    assert abs(a) < 1e-100 or arithmetic.fma64(np.array([a]), b, c).tolist() == [exact]


@given(st.floats(2.0**-126, 2.0**127, width=32))
def test_split_mantissa_takes_a_number_apart(x: float) -> None:
    s, e = arithmetic.split_mantissa(np.array([x], np.float32))
    assert (1 + float(s[0])) * 2.0 ** float(e[0]) == x
    assert 0.5**0.5 - 1e-7 <= 1 + s[0] < 2**0.5 + 1e-7


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("backend", golden.BACKENDS)
def test_threads_change_no_number(monkeypatch: pytest.MonkeyPatch, backend: str, distribution: str) -> None:
    shape = (331, 1009)  # some twenty parts, the last one cut
    monkeypatch.setattr(filling, "processors", lambda: 1)
    alone = draw(backend, distribution, shape, (3, 4))
    monkeypatch.setattr(filling, "processors", lambda: 3)
    np.testing.assert_array_equal(draw(backend, distribution, shape, (3, 4)), alone)


def test_a_thread_is_as_silent_about_overflow_as_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "processors", lambda: 3)
    with np.errstate(all="ignore"):
        wide = random.load("jax").normal((331, 1009), 0.0, 3e38, (3, 4), FLOAT32)
    assert np.isinf(wide).any()
