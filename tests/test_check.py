"""Every check fires on a planted fault and is silent without it; real outputs have none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from helpers import softmax

from dense_cli import initializers
from dense_cli.files.formats import load
from dense_cli.views.checks import CHECKS, NAMES
from dense_cli.views.checks.weights import untrained

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parent.parent


def good(shape: tuple[int, ...] = (40, 6, 5), scale: float = 2.0) -> np.ndarray:
    return softmax(np.random.default_rng(11).normal(0, scale, shape))


def logits(scale: float, *shape: int) -> np.ndarray:
    return np.random.default_rng(12).normal(0, scale, shape)


def found(run: Run, *args: object) -> dict[str, dict]:
    """Run check and return its findings by name."""
    done = run("check", *args, "-f", "json")
    findings = {finding["check"]: finding for finding in json.loads(done.out)["findings"]}
    assert done.code == (1 if findings else 0)
    return findings


def padded(repeated: np.ndarray) -> np.ndarray:
    """Return good outputs whose samples 3 and 7 end in two, and in three, rows of the same."""
    y = good()
    y[3, 4:] = y[7, 3:] = repeated
    return y


def with_row(row: list[float]) -> np.ndarray:
    y = good()
    y[2, 1] = row
    return y


# Of each check of outputs: a planted fault with what is told besides its name, and its like without fault.
PLANTED = {
    "sums": (with_row([0.3, 0.3, 0.3, 0.2, 0.2]), [2, 1], with_row([0.2] * 5)),
    "negative": (with_row([1.2, -0.2, 0, 0, 0]), [2, 1], with_row([1, 0, 0, 0, 0])),
    "finite": (with_row([math.nan, 0.2, 0.2, 0.3, 0.3]), [2, 1], with_row([0.1, 0.2, 0.2, 0.2, 0.3])),
    "axis": (softmax(logits(2, 40, 6, 5), axis=1), None, softmax(logits(2, 40, 6, 5))),
    "one-class": (np.ones((4, 3, 1)), None, np.tile([0.5, 0.5], (4, 3, 1))),
    "double-softmax": (softmax(softmax(logits(6, 30, 5))), None, softmax(logits(1, 30, 5))),
    "saturated": (softmax(logits(5000, 30, 5)), [0], softmax(logits(5, 30, 5))),
    "uniform": (softmax(logits(0.01, 30, 5)), [0], softmax(logits(1, 30, 5))),
    "never-chosen": (softmax(logits(2, 100, 5) - [0, 0, 0, 50, 0]), None, softmax(logits(2, 100, 5))),
    "constant": (softmax(logits(1, 30, 5) - [20, 0, 20, 20, 20]), None, softmax(logits(1, 30, 5))),
    "padding": (padded(np.array([0.1, 0.2, 0.3, 0.2, 0.2])), [3, 4], padded(np.array([0, 0, 1.0, 0, 0]))),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_check_fires_on_a_planted_fault(run: Run, here: Path, name):
    np.save("y.npy", PLANTED[name][0])
    findings = found(run, "y.npy")
    assert name in findings
    assert findings[name]["first"] == PLANTED[name][1]
    assert name not in found(run, "y.npy", "--skip", name)


@pytest.mark.parametrize("name", PLANTED)
def test_a_check_is_silent_where_there_is_no_fault(run: Run, here: Path, name):
    np.save("y.npy", PLANTED[name][2])
    assert name not in found(run, "y.npy")


def test_every_check_is_planted_documented_and_can_be_skipped():
    of_outputs = [check for check in CHECKS if check.path is not None]
    assert [check.name for check in of_outputs] == [load(check.path).name for check in of_outputs]
    of_targets = [
        check.name for check in CHECKS if check.of_targets
    ]  # tests/test_check_targets.py plants these
    assert [check.name for check in of_outputs] == [*PLANTED, *of_targets]
    of_models = [check.name for check in CHECKS if check.of_models]
    assert (*PLANTED, *of_targets, "labels", "transposed", "untrained", *of_models) == NAMES
    documented = (ROOT / "docs" / "checks.md").read_text()
    rows = [line.split("|")[1].strip() for line in documented.splitlines() if line.startswith("| `")]
    assert rows == [f"`{name}`" for name in NAMES]


@pytest.mark.parametrize(
    "args",
    [
        (DATA / "outputs/digits.npy", "--labels", DATA / "outputs/digits.txt"),
        (DATA / "outputs/iris.npy",),
        (SAMPLES / "digits.npy", "-w", SAMPLES / "digits_head.npz", "--labels", SAMPLES / "digits.txt"),
        (DATA / "weights/iris__probe.npy", "-w", DATA / "weights/iris.npz", "--dtype", "float64"),
        (DATA / "weights/b_seq2seq_td__probe.npy", "-w", DATA / "weights/b_seq2seq_td__head.npz"),
        (DATA / "weights/b_seq2seq_td__expected.npy",),
        (SAMPLES / "outputs.json",),
    ],
    ids=lambda args: Path(args[0]).name,
)
@pytest.mark.parametrize("memory", ["1K", "64M"])
def test_real_outputs_have_no_fault(run: Run, args, memory):
    assert found(run, *args, "--memory", memory) == {}


def test_twice_softmaxed_real_outputs_are_found_out(run: Run, here: Path):
    for name in ("digits", "iris"):
        np.save("y.npy", softmax(np.load(DATA / f"outputs/{name}.npy")))
        assert list(found(run, "y.npy")) == ["double-softmax"]


def test_the_softmax_of_a_softmax_is_told_with_its_bound(run: Run, here: Path):
    y = softmax(np.eye(4)[np.arange(20) % 4])
    np.save("y.npy", y)
    bound = math.e / (math.e + 3)
    assert run("check", "y.npy").text == (
        "y = y.npy (20, 4)\n"
        f"double-softmax: no probability is above {bound:.4f}, and softmax of probabilities cannot pass "
        f"e/(e+3) = {bound:.4f}; undone once, rows are 1.00 sure on average\n"
        "  → the layer before already ends in softmax: drop one, here with --activation linear\n"
        f"1 finding in 11 checks: {', '.join(PLANTED)}\n"
    )


def test_logits_are_told_as_such_and_nothing_that_only_holds_for_distributions(run: Run, here: Path):
    np.save("y.npy", logits(8, 16, 6))
    findings = found(run, "y.npy")
    assert list(findings) == ["sums"]
    assert findings["sums"]["evidence"].startswith("16 of 16 rows do not sum to 1: their sums run from ")
    assert findings["sums"]["evidence"].endswith("; they look like logits or hidden states")


def test_log_probabilities_are_told_as_such_and_nothing_else(run: Run, here: Path):
    np.save("y.npy", np.log(softmax(logits(8, 16, 40))))
    assert found(run, "y.npy") == {
        "sums": {
            "check": "sums",
            "evidence": "these are log-probabilities: nothing is positive, and exp of every row sums to 1",
            "advice": "check exp of them",
            "first": [0],
        }
    }


def test_scores_of_sigmoids_are_told_as_such_and_nothing_else(run: Run, here: Path):
    np.save("y.npy", 1 / (1 + np.exp(-logits(9, 16, 6))))
    findings = found(run, "y.npy")
    assert list(findings) == ["sums"]
    assert findings["sums"]["evidence"].endswith(
        "; they look like scores of classes by themselves (sigmoids?)"
    )


def test_what_sums_to_1_and_is_negative_is_a_finding_in_most_rows_too(run: Run, here: Path):
    np.save("y.npy", np.tile([1.5, -0.5, 0.0], (4, 1)) + logits(0.1, 4, 1) * [1, -1, 0])
    assert list(found(run, "y.npy")) == ["negative"]


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "relu", "log_softmax"])
def test_outputs_of_a_layer_that_claims_no_distribution_are_not_checked_for_one(
    run: Run, here: Path, activation
):
    np.save("x.npy", logits(20, 16, 4))
    done = run("check", "x.npy", "-u", "6", "-a", activation, "-f", "json")
    assert json.loads(done.out)["checks"] == ["finite", "never-chosen", "constant", "padding"]
    assert json.loads(done.out)["findings"] == []
    assert done.err == (
        f"Note: {activation} gives no distributions: what only holds for them is not checked\n"
    )


def test_no_finding_is_said_with_the_checks_that_were_run(run: Run, here: Path):
    np.save("y.npy", good())
    done = run("check", "y.npy", "--skip", "sums", "--skip", "padding")
    ran = [name for name in PLANTED if name not in ("sums", "padding")]
    assert done.code == 0
    assert done.text == f"y = y.npy (40, 6, 5)\nno finding in 9 checks: {', '.join(ran)}\n"


def test_nan_and_infinity_are_told_by_where_they_come_from(run: Run, here: Path):
    x = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    np.save("x.npy", x)
    np.savez("big.npz", kernel=np.full((3, 2), 3e38, np.float32), bias=np.ones(2, np.float32))
    evidence = found(run, "x.npy", "-w", "big.npz")["finite"]["evidence"]
    assert evidence.endswith(
        "hold NaN or infinity, from overflow: input and weights are finite, the logits are not"
    )
    x[4, 1] = np.nan
    np.save("x.npy", x)
    finding = found(run, "x.npy", "-u", 2)["finite"]
    assert (finding["evidence"], finding["first"]) == ("1 of 10 rows hold NaN or infinity, in the input", [4])
    kernel = np.ones((3, 2))
    kernel[1, 0] = np.inf
    np.savez("odd.npz", kernel=kernel, bias=np.ones(2))
    finding = found(run, "x.npy", "-w", "odd.npz")["finite"]
    assert finding["evidence"] == "1 of 6 numbers of the kernel are NaN or infinity, in the weights"
    assert finding["first"] == [1, 0]


def test_padded_input_counts_as_real_until_a_mask_says_otherwise(run: Run, here: Path):
    x = np.random.default_rng(1).normal(size=(9, 6, 4))
    x[2, 3:] = x[5, 4:] = 0
    np.save("x.npy", x)
    np.save("lengths.npy", np.array([6, 6, 3, 6, 6, 4, 6, 6, 6]))
    finding = found(run, "x.npy", "-u", 3)["padding"]
    assert finding["evidence"] == "2 samples end in the same repeated input row, 5 steps that count as real"
    assert finding["first"] == [2, 3]
    for mask in (("--lengths", "lengths.npy"), ("--mask-value", 0)):
        assert "padding" not in found(run, "x.npy", "-u", 3, *mask)


@pytest.mark.parametrize("front", [False, True])
def test_padding_is_found_across_blocks(run: Run, here: Path, front: bool):
    y = PLANTED["padding"][0]
    np.save("y.npy", y[:, ::-1] if front else y)
    wanted = found(run, "y.npy", "--memory", "64M")["padding"]
    assert wanted["first"] == ([3, 0] if front else [3, 4])
    for memory in (40, 200, 400, 1000):
        assert found(run, "y.npy", "--memory", memory)["padding"] == wanted


def test_padding_before_the_steps_is_found_too(run: Run, here: Path):
    x = np.random.default_rng(1).normal(size=(9, 6, 4))
    x[2, :3] = x[5, :2] = x[6, :1] = 0
    np.save("x.npy", x)
    np.save("lengths.npy", np.array([6, 6, 3, 6, 6, 4, 5, 6, 6]))
    finding = found(run, "x.npy", "-u", 3)["padding"]
    assert (
        finding["evidence"] == "3 samples begin with the same repeated input row, 6 steps that count as real"
    )
    assert finding["advice"].startswith("say which steps are padding: --lengths FILE with --padding pre, ")
    assert finding["first"] == [2, 0]
    assert "padding" not in found(run, "x.npy", "-u", 3, "--lengths", "lengths.npy", "--padding", "pre")
    x[7, 4:] = x[8, 4:] = x[0, 4:] = x[1, 4:] = 0  # four end in it
    np.save("x.npy", x)
    assert found(run, "x.npy", "-u", 3)["padding"]["evidence"].startswith("4 samples end in ")


def test_labels_that_are_too_few_are_found(run: Run, here: Path):
    np.save("y.npy", good())
    Path("four.txt").write_text("a\nb\nc\nd\n")
    Path("five.txt").write_text("a\nb\nc\nd\ne\n")
    finding = found(run, "y.npy", "--labels", "four.txt")["labels"]
    assert finding["evidence"] == "four.txt: expected 5, one for each class, found 4 labels"
    assert found(run, "y.npy", "--labels", "five.txt") == {}
    assert found(run, "y.npy", "--labels", "four.txt", "--skip", "labels") == {}


def test_a_kernel_that_fits_only_when_turned_is_found(run: Run, here: Path):
    with np.load(SAMPLES / "digits_head.npz") as head:
        np.savez("turned.npz", kernel=head["kernel"].T, bias=head["bias"])
    finding = found(run, SAMPLES / "digits.npy", "-w", "turned.npz")["transposed"]
    assert finding["evidence"] == "the kernel (10, 48) does not take 48 features, but would as (48, 10)"
    assert finding["advice"] == "--transpose turns it"
    assert found(run, SAMPLES / "digits.npy", "-w", "turned.npz", "--transpose") == {}


def test_a_square_kernel_that_decides_only_when_turned_is_found(run: Run, here: Path):
    # Each class has its feature: class j looks at feature j + 1, and the input has one feature high.
    kernel = 9 * np.roll(np.eye(6), 1, axis=0)
    kernel[0] = 0.1
    x = np.eye(6)[np.random.default_rng(3).integers(1, 6, 60)]
    np.save("x.npy", x)
    for matrix in (kernel, np.diag([9.0] * 6)):
        np.savez("w.npz", kernel=matrix, bias=np.full(6, 0.01))
        assert "transposed" not in found(run, "x.npy", "-w", "w.npz")
    # Turned, every row sees the constants that belong to one feature.
    flat = np.tile(np.arange(6)[:, None] * 9.0, (1, 6))
    np.savez("w.npz", kernel=flat, bias=np.full(6, 0.01))
    finding = found(run, "x.npy", "-w", "w.npz")["transposed"]
    assert finding["advice"] == "it may be stored as (units, features): try --transpose"
    np.savez("w.npz", kernel=flat.T, bias=np.full(6, 0.01))
    assert "transposed" not in found(run, "x.npy", "-w", "w.npz")


@pytest.mark.parametrize(
    "name",
    [
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "lecun_normal",
        "random_normal",
        "random_uniform",
        "truncated_normal",
    ],
)
@pytest.mark.parametrize("shape", [(48, 10), (300, 400)])
def test_the_numbers_of_an_initializer_are_untrained(name, shape):
    made = initializers.get(name, seed=3)
    kernel = made(shape, dtype="float32")
    finding = untrained(kernel, np.zeros(shape[1], np.float32))
    assert finding is not None
    assert untrained(kernel, None) is not None
    assert untrained(kernel, np.full(shape[1], 0.3, np.float32)) is None
    # Training gives weights heavier tails.
    trained = kernel**3 / (kernel**3).std() * kernel.std()
    assert untrained(trained, np.zeros(shape[1], np.float32)) is None


def test_pytorchs_linear_and_constants_are_untrained():
    rng = np.random.default_rng(2)
    bound = 1 / math.sqrt(48)
    kernel, bias = rng.uniform(-bound, bound, (48, 10)), rng.uniform(-bound, bound, 10)
    assert (
        untrained(kernel, bias).evidence
        == "kernel and bias lie within ±1/√48, as PyTorch's Linear makes them"
    )
    assert untrained(kernel, bias * 5) is None
    assert untrained(np.ones((3, 2)), np.zeros(2)).evidence == "every number of the kernel is 1"
    assert untrained(rng.uniform(-1, 1, (4, 3)), None) is None


def test_an_untrained_head_is_found_on_the_command_line(run: Run, here: Path):
    assert run("init", "-i", 48, "-u", 10, "-o", "w.npz").code == 0
    finding = found(run, SAMPLES / "digits.npy", "-w", "w.npz")["untrained"]
    assert finding["evidence"] == (
        "the kernel (48, 10) is distributed as GlorotUniform makes it, and the bias is all zeros"
    )


def test_samples_that_are_picked_are_checked_by_themselves(run: Run, here: Path):
    y = good()
    y[2] = 1
    np.save("y.npy", y)
    assert found(run, "y.npy", "-b", "5:9") == {}
    assert found(run, "y.npy", "-b", "1:4")["sums"]["first"] == [2, 0]


def test_an_unknown_check_is_refused(run: Run):
    done = run("check", "--skip", "sum", stdin=b"[[0.5, 0.5]]")
    assert done.code == 2
    assert "'sum' is not one of 'sums'" in done.err
