"""Random runs of the command line against `reference`: every number, class, label, mask, note and exit code.

A few hundred runs stand in the suite. As many as wanted:

    ORACLE_RUNS=20000 ORACLE_SEED=1 python -m pytest tests/test_reference.py -m fuzz

A run that differs names its seed and the command that repeats it; its files stay in the test's folder.

Numbers may differ from the reference by what rounding explains: the layer's dtype rounds every sum, power
and quotient a few times (`oracle.rounding`). A class must be the argmax of what was printed, the lowest of
equal ones.
Where no probabilities are printed, any class may stand there that reaches the highest probability within that
rounding, but for this: of two classes whose logits are sums that no order of summing rounds, and equal, the
probabilities are equal to the last bit, so the lower one must be chosen.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran, Run
from oracle.draw import Case
from oracle.others import check_comparison, check_decode, check_info
from oracle.rows import check_rows, read
from oracle.runs import draw_case, draw_second
from reference import RefusedError, beams, compare, compare_classes, decode, info, predict, slices

SEED = int(os.environ.get("ORACLE_SEED", "0"))
FIRST = int(os.environ.get("ORACLE_FIRST", "0"))
RUNS = int(os.environ.get("ORACLE_RUNS", "2000"))
SUITE = 400  # runs in the suite


@pytest.mark.parametrize("part", range(4))
def test_random_runs_give_what_the_reference_gives(part: int, run: Run, here: Path) -> None:
    for index in range(part * SUITE // 4, (part + 1) * SUITE // 4):
        one_run(run, here, 0, index)


@pytest.mark.fuzz
def test_many_random_runs_give_what_the_reference_gives(run: Run, here: Path) -> None:
    for index in range(FIRST, FIRST + RUNS):
        one_run(run, here, SEED, index)


def one_run(run: Run, here: Path, seed: int, index: int) -> None:
    """Draw a run, run it and compare; of some, a second run reads what the first has printed."""
    case = draw_case(seed, index)
    ran = compared(case, run, here, seed, index)
    if case.again and ran.code == 0 and (printed := printed_rows(case, ran)):
        places, rows = zip(*printed, strict=True)
        second = draw_second(case, ran.out, list(places), list(rows), seed, index, 1)
        compared(second, run, here, seed, index)


def compared(case: Case, run: Run, here: Path, seed: int, index: int) -> Ran:
    """Run a case and compare it."""
    for old in here.iterdir():
        old.unlink()
    for name, content in case.files.items():
        (here / name).write_bytes(content)
    ran = run(*case.args, stdin=case.stdin, piece=case.piece)
    if ran.code == 2:
        gc.collect(1)  # a run that has failed leaves what it was doing behind, in this process only
    try:
        if case.output is not None:
            assert ran.out == b""
            assert (here / case.output).exists() == (ran.code == 0)
            ran = ran._replace(out=(here / case.output).read_bytes() if ran.code == 0 else b"")
        check(case, ran)
    except Exception as error:
        (here / "stdin").write_bytes(case.stdin)
        repeat = f"ORACLE_SEED={seed} ORACLE_FIRST={index} ORACLE_RUNS=1"
        raise AssertionError(
            f"densecli {' '.join(case.args)}   (in {here}, the file stdin is standard input)\n"
            f"{type(error).__name__}: {error}\nexit {ran.code}\n{ran.err}\n{ran.out[:1500]!r}\n"
            f"again: {repeat} python -m pytest tests/test_reference.py -m fuzz"
        ) from error
    return ran


def printed_rows(case: Case, ran: Ran) -> list[tuple[tuple[int, ...], np.ndarray]] | None:
    """Return the probabilities that were printed, and where they stand for whoever reads the output.

    JSON Lines and CSV say so; JSON says it of time steps where `slice` has printed them.
    """
    found = expected_rows(case)
    rows = [row for some in found.rows for row in some] if case.command == "slice" else found.rows
    if not rows:
        return None
    records = read(case, ran.out, rows, found)
    places = [row.place for row in rows]
    if case.format not in ("jsonl", "csv", "tsv"):
        if case.command == "slice" and len({len(some) for some in found.rows}) > 1:
            return None  # the steps do not say of which samples they are
        samples = list(dict.fromkeys(place[0] for place in places))
        places = [(samples.index(place[0]), *place[1:]) for place in places]
        if case.command == "slice" and found.steps[0] < 0:  # a step that is not the same of all samples
            places = [(place[0], 0, *place[2:]) for place in places]
    return [(place, record.values["probabilities"]) for place, record in zip(places, records, strict=True)]


def check(case: Case, ran: Ran) -> None:
    assert "fault of densecli itself" not in ran.err
    assert "Traceback" not in ran.err
    checks = {"compare": check_comparison, "info": check_info, "decode": check_decode}
    try:
        expected = EXPECTED[case.command](case)
    except RefusedError:
        assert ran.code == 2, "should be refused"
        assert "Error: " in ran.err
        return
    if case.command == "slice" and not expected.samples and ran.code == 2:
        return  # which steps no samples have is not known of every format
    assert ran.code == (1 if case.command == "compare" and expected["passed"] else 0)
    checks.get(case.command, check_rows)(case, ran, expected)


EXPECTED: dict[str, Any] = {
    "predict": lambda case: expected_rows(case),
    "slice": lambda case: expected_rows(case),
    "decode": lambda case: expected_lines(case),
    "info": lambda case: info(case.array),
    "compare": lambda case: (
        compare_classes(case.array, case.other, case.limits)
        if case.kind == "classes"
        else compare(case.array, case.other, case.kind, case.limits, case.compared)
    ),
}


def expected_lines(case: Case) -> Any:
    """Return what `decode` gives; JSON Lines have probabilities."""
    if case.options.beam is not None:
        return beams(case.array, case.layer, case.options, case.dtype)
    if case.options.scores and case.format == "jsonl":
        for row in predict(case.array, case.layer, case.options, case.dtype).rows:
            if row.counts and row.has_class and not 0 <= row.y.max() <= 1:
                raise RefusedError("the highest score is no probability")
    return decode(case.array, case.layer, case.options, case.dtype)


def expected_rows(case: Case) -> Any:
    """Return what `predict` or `slice` gives; NPY and NPZ hold samples of one shape only."""
    one = predict if case.command == "predict" else slices
    found = one(case.array, case.layer, case.options, case.dtype)
    if case.array.rank < 3 and (case.options.eos, case.options.pad) != (None, None):
        raise RefusedError("there are no time steps")
    if case.options.selects and case.format in ("json", "npy", "npz"):
        raise RefusedError("rows in such a format do not say where they stand")
    if case.format in ("npy", "npz"):
        if case.command == "slice":
            found.by_sample()
        elif None in found.lead:
            raise RefusedError("samples differ in their steps")
    return found
