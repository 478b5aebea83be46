"""``densecli plot``: the numbers of pictures are those of `predict`, whatever they are drawn on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import SAMPLES, Run
from rich.ansi import AnsiDecoder

from dense_cli import Plan
from dense_cli.pictures.lines import Size
from dense_cli.pictures.terminal import draw
from dense_cli.picturing import KINDS, Asked, Room, draw_from
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges
from dense_cli.writers.screen import Screen

DIGITS = (SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "--labels", SAMPLES / "digits.txt")
TARGETS = ("--targets", SAMPLES / "digits_true.csv")
NOTHING, ROOM = Asked(), Room(40, 60)
SCREENS = {
    "none": Screen(80),
    "ascii": Screen(80, encoding="ascii"),
    **{colors: Screen(80, colors, True) for colors in ("truecolor", "256", "standard")},
}


def picture(kind: str | None, asked: Asked = NOTHING, room: Room = ROOM, **options: object) -> Picture:
    given: dict[str, object] = {
        "weights": str(SAMPLES / "digits.keras"),
        "labels": str(SAMPLES / "digits.txt"),
    }
    return draw_from(Plan(str(SAMPLES / "digits.npy"), **(given | options)), kind, asked, room)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def predicted() -> dict[str, np.ndarray]:
    plan = Plan(
        str(SAMPLES / "digits.npy"),
        weights=str(SAMPLES / "digits.keras"),
        measures=("confidence", "margin", "entropy"),
    )
    results = list(plan.run())
    found = {"y": np.concatenate([result.arrays["probabilities"] for result in results]).reshape(16, 8, 10)}
    for name in ("confidence", "margin", "entropy"):
        found[name] = np.concatenate([result.measures[name] for result in results]).reshape(16, 8)
    return found


def test_a_heat_map_has_the_probabilities_of_a_sample(predicted: dict[str, np.ndarray]) -> None:
    grid = picture("heatmap", batch=3)
    assert isinstance(grid, Grid)
    np.testing.assert_array_equal(grid.values, predicted["y"][3].T)
    assert grid.rows == (SAMPLES / "digits.txt").read_text().split()
    assert grid.columns == [str(t) for t in range(8)]
    np.testing.assert_array_equal(grid.marks.argmax(axis=0), predicted["y"][3].argmax(axis=1))
    assert (grid.marks.sum(axis=0) == 1).all()
    assert grid.note is None


def test_what_does_not_fit_is_left_out_and_said(predicted: dict[str, np.ndarray]) -> None:
    grid = picture("heatmap", room=Room(3, 60))
    assert isinstance(grid, Grid)
    kept = np.sort(np.argsort(-predicted["y"][0].max(axis=0), kind="stable")[:3])
    np.testing.assert_array_equal(grid.values, predicted["y"][0][:, kept].T)
    assert grid.note == (
        "of 10 classes the 3 likeliest (--class names others), of 16 samples the first (-b picks another)"
    )
    first = picture("heatmap", room=Room(20, 5), batch=2)
    assert isinstance(first, Grid)
    np.testing.assert_array_equal(first.values, predicted["y"][2, :5].T)
    assert first.note == "of 8 steps the first 5 (-t picks others)"


def test_bars_are_the_likeliest_classes_of_a_row(predicted: dict[str, np.ndarray]) -> None:
    bars = picture("bars", Asked(top_k=4), batch=3, times=(-1,))
    assert isinstance(bars, Bars)
    order = np.argsort(-predicted["y"][3, 7], kind="stable")[:4]
    np.testing.assert_array_equal(bars.values, predicted["y"][3, 7][order])
    assert (bars.marked, bars.title.split(" · ")[0].endswith("sample 3, t 7")) == (0, True)
    assert bars.note == "of 10 classes the 4 likeliest (-k shows more)"


def test_lines_and_measures_go_over_the_steps(predicted: dict[str, np.ndarray]) -> None:
    lines = picture("lines", Asked(classes=("nine", "0")), batch=3)
    assert isinstance(lines, Lines)
    assert [name for name, _ in lines.lines] == ["nine", "zero"]
    np.testing.assert_array_equal([values for _, values in lines.lines], predicted["y"][3][:, [9, 0]].T)
    measures = picture("measures", batch=3)
    assert isinstance(measures, Lines)
    for name, values in measures.lines:
        np.testing.assert_array_equal(values, predicted[name][3])


def test_calibration_is_that_of_the_summary(run: Run) -> None:
    lines = picture("calibration", targets=str(SAMPLES / "digits_true.csv"))
    assert isinstance(lines, Lines)
    table = run("predict", *DIGITS, *TARGETS).text
    error = re.search(r"calibration error ([0-9.]+)", table)
    assert error is not None
    assert f"calibration error {error[1]}, 128 targets" in lines.title


def test_confusion_counts_what_is_taken_for_what(predicted: dict[str, np.ndarray]) -> None:
    grid = picture("confusion", targets=str(SAMPLES / "digits_true.csv"))
    assert isinstance(grid, Grid)
    names = (SAMPLES / "digits.txt").read_text().split()
    rows = [line.split(",") for line in (SAMPLES / "digits_true.csv").read_text().split()]
    targets = np.array([[names.index(name) for name in row] for row in rows])
    expected = np.zeros((10, 10))
    np.add.at(expected, (targets.ravel(), predicted["y"].argmax(axis=2).ravel()), 1)
    np.testing.assert_array_equal(grid.values, expected)
    assert f"{int(np.trace(expected))} of 128 right" in grid.title


def test_padding_is_not_drawn_and_has_a_sign(run: Run, here: Path) -> None:
    x = np.ones((1, 4, 2), np.float32)
    x[0, 2:] = 0
    grid = draw_from(Plan(x, units=3, mask_value=0.0), "heatmap", NOTHING, ROOM)
    assert isinstance(grid, Grid)
    assert grid.padding is not None
    assert grid.padding.tolist() == [False, False, True, True]
    assert np.isnan(grid.values[:, 2:]).all()
    assert not np.isnan(grid.values[:, :2]).any()
    assert grid.marks.sum(axis=0).tolist() == [1, 1, 0, 0]
    assert "· padding" in draw(grid, Screen(80), Size(80, 24))[-2]
    lines = draw_from(Plan(x, units=3, mask_value=0.0), "measures", NOTHING, ROOM)
    assert isinstance(lines, Lines)
    assert lines.note == "padding, 2 of 4 steps, is not drawn"


def test_rows_without_a_class_are_drawn_without_one() -> None:
    x = np.array([[np.nan, 1.0], [2.0, 1.0]], np.float32)
    grid = draw_from(Plan(x, logits=True), "heatmap", NOTHING, ROOM)
    assert isinstance(grid, Grid)
    assert grid.marks.tolist() == [[False, True], [False, False]]
    drawn = draw(grid, Screen(80), Size(80, 24))
    assert "?" in drawn[1]
    assert "? NaN" in drawn[-2]
    nothing = draw_from(Plan(np.full((2, 2), np.nan), logits=True), "heatmap", NOTHING, ROOM)
    assert draw(nothing, Screen(80), Size(80, 24))


def test_outputs_that_are_no_distributions_have_their_own_scale() -> None:
    x = np.array([[-2.0, 6.0, 1.0]])
    grid = draw_from(Plan(x, logits=True, activation="linear"), "heatmap", NOTHING, ROOM)
    assert isinstance(grid, Grid)
    assert (grid.value, grid.least, grid.most) == ("value", -2.0, 6.0)
    bars = draw_from(Plan(x, logits=True, activation="linear"), "bars", NOTHING, ROOM)
    assert isinstance(bars, Bars)
    assert (bars.values.tolist(), bars.least, bars.most) == ([6.0, 1.0, -2.0], -2.0, 6.0)


def test_a_histogram_counts_confidences(predicted: dict[str, np.ndarray]) -> None:
    bars = picture("histogram")
    assert isinstance(bars, Bars)
    np.testing.assert_array_equal(bars.values, np.histogram(predicted["confidence"], 20, (0, 1))[0])
    values = picture("histogram", logits=True, weights=None, labels=None, activation="linear")
    assert isinstance(values, Bars)
    x = np.load(SAMPLES / "digits.npy").astype(np.float64)
    edges = [float(name.split()[0]) for name in values.names]
    edges.append(float(values.names[-1].split()[-1]))
    np.testing.assert_array_equal(values.values, np.histogram(x, edges)[0])
    assert values.values.sum() == x.size


def test_layers_have_the_ranges_that_layers_prints(run: Run, here: Path) -> None:
    x = np.eye(32, dtype=np.float32)[np.random.default_rng(0).integers(0, 32, (4, 5))]
    np.save("x.npy", x)
    model = str(SAMPLES / "translate.keras")
    ranges = draw_from(Plan("x.npy", model=model), None, Asked(), Room(40, 60))
    assert isinstance(ranges, Ranges)
    listed = json.loads(run("layers", model, "x.npy", "-f", "json").out)
    outputs = [output["statistics"] for layer in listed["layers"] for output in layer["outputs"]]
    np.testing.assert_allclose(ranges.low, [output["min"] for output in outputs])
    np.testing.assert_allclose(ranges.mean, [output["mean"] for output in outputs])


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_picture_fits_every_screen(kind: str, screen: str, width: int) -> None:
    options = {"targets": str(SAMPLES / "digits_true.csv")} if kind in ("calibration", "confusion") else {}
    shown = SCREENS[screen]._replace(width=width)
    lines = draw(picture(kind, batch=None if options else 3, **options), shown, Size(width, 24))
    plain = [line.plain for line in AnsiDecoder().decode("\n".join(lines[1:]))]
    assert max(map(len, plain)) <= width
    assert len(lines) <= 32
    if screen == "ascii":
        assert all(line.isascii() for line in lines[1:])
    if screen in ("none", "ascii"):
        assert "\x1b" not in "".join(lines)


def test_the_chosen_class_has_a_sign_in_every_number_of_colours() -> None:
    grid = picture("heatmap", batch=3)
    for name, screen in SCREENS.items():
        lines = draw(grid, screen, Size(80, 24))
        text = "\n".join(line.plain for line in AnsiDecoder().decode("\n".join(lines[:-2])))
        assert text.count("O" if name == "ascii" else "●") == 8
    # Two rows to a line: the sign is in the upper or the lower half.
    for name in ("truecolor", "256"):
        lines = draw(grid, SCREENS[name], Size(80, 12))
        text = "\n".join(line.plain for line in AnsiDecoder().decode("\n".join(lines[:-2])))
        rows = grid.marks.nonzero()[0]
        assert (text.count("⠛"), text.count("⣤")) == ((rows % 2 == 0).sum(), (rows % 2 == 1).sum())


def test_half_blocks_hold_two_rows_where_there_are_many() -> None:
    values = np.random.default_rng(0).random((30, 5))
    grid = Grid("x", "t", "class", list("abcde"), [str(i) for i in range(30)], values, 1.0, values > 2)
    lines = draw(grid, SCREENS["truecolor"], Size(80, 20))
    assert len(lines) == 1 + 15 + 3
    assert "▀" in lines[3]


@pytest.mark.parametrize("kind", [*KINDS, "layers"])
@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_a_file_is_the_same_bytes_each_time(kind: str, format: str, run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib")
    args: list[object] = [*DIGITS, "--kind", kind, *(TARGETS if kind in ("calibration", "confusion") else ())]
    if kind == "layers":
        np.save("x.npy", np.eye(32, dtype=np.float32)[np.zeros((2, 5), int)])
        args = ["x.npy", "-m", SAMPLES / "translate.keras", "--kind", kind]
    for name in ("a", "b"):
        ran = run("plot", *args, "-o", f"{name}.{format}")
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
    data = Path(f"a.{format}").read_bytes()
    assert data == Path(f"b.{format}").read_bytes()
    assert data.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[format])


def test_names_are_text_in_a_file_whatever_they_hold(run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib")
    names = ["$x^2$ $y$", "_hidden", "<script>alert(1)</script>", "日本語", "\x1b[31mred"]
    Path("names.json").write_text(json.dumps(names))
    for kind in ("bars", "lines", "heatmap"):
        args = ("[[0.1, 0.2, 0.3, 0.15, 0.25]]", "--labels", "names.json", "--kind", kind)
        assert run("plot", *args, "-o", "x.svg").code == 0
        texts = {
            element.text for element in ElementTree.parse("x.svg").iter() if element.tag.endswith("text")
        }
        assert {"$x^2$ $y$", "_hidden", "日本語", r"\x1b[31mred"} <= texts
        assert any(text and text.startswith("<script>") for text in texts)
    assert "no font" not in run("plot", *args, "-o", "x.svg").err


def test_labels_cannot_act_on_the_terminal(run: Run, here: Path) -> None:
    Path("names.json").write_text(json.dumps(["\x1b]0;title\x07", "[bold]b[/]"]))
    text = run("plot", "[[0.4, 0.6]]", "--labels", "names.json").text
    assert "\x1b" not in text
    assert "[bold]b[/]" in text


def test_many_classes_and_steps_are_drawn(run: Run, here: Path) -> None:
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.normal(size=(1, 1000, 8)).astype(np.float32))
    ran = run("plot", "x.npy", "-u", 30522)
    assert ran.code == 0
    assert "of 30522 classes the" in ran.text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--kind", "calibration"], "--kind calibration is about targets: it needs --targets FILE"),
        (["--kind", "layers"], "--kind layers is about a model: it needs --model FILE"),
        (
            ["--kind", "lines", "--class", "cow"],
            "--class cow: expected a label of one class, or a number below 10",
        ),
        (["--kind", "bars", "-t", "99"], "time step 99 is out of range: there are 8 (0 to 7)"),
        (["--class", "one", "--kind", "bars"], "--class is about heatmap and lines: --kind bars"),
        (["-k", "3", "--kind", "measures"], "--top-k"),
        (["-k", "60"], "--top-k 60: there are only 10 classes"),
        (["-k", "11", "--kind", "bars"], "--top-k 11: there are only 10 classes"),
        (["-o", "x.gif"], "-o x.gif: expected .svg, .png, .pdf: choose with -f"),
    ],
)
def test_what_cannot_be_drawn_is_refused(args: list[str], message: str, run: Run, here: Path) -> None:
    ran = run("plot", *DIGITS, *args)
    assert (ran.code, ran.out, message in ran.err) == (2, b"", True)
    assert list(here.iterdir()) == []


def test_readme_begins_with_the_picture_that_its_command_draws(here: Path, run: Run) -> None:
    pytest.importorskip("matplotlib")
    root = SAMPLES.parent
    command = (
        "densecli plot samples/digits.npy -w samples/digits.keras --labels samples/digits.txt -b 3 "
        "-o docs/heatmap.svg"
    )
    assert command in (root / "README.md").read_text()
    (here / "samples").symlink_to(SAMPLES)
    (here / "docs").mkdir()
    assert run(*command.split()[1:]).code == 0

    def texts(path: Path) -> list[str | None]:
        return [element.text for element in ElementTree.parse(path).iter() if element.tag.endswith("text")]

    assert texts(root / "docs" / "heatmap.svg") == texts(here / "docs" / "heatmap.svg")


def test_a_pipe_gets_the_width_that_columns_says(run: Run) -> None:
    for columns in ("40", "100"):
        ran = run("plot", *DIGITS, "--kind", "lines", env={"COLUMNS": columns})
        assert ran.code == 0
        assert int(columns) - 2 <= max(map(len, ran.text.splitlines())) <= int(columns)


def test_settings_of_a_user_do_not_change_a_file(run: Run, here: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    assert run("plot", *DIGITS, "-o", "a.svg").code == 0
    with matplotlib.rc_context({"axes.facecolor": "red", "text.usetex": True, "font.size": 30}):
        assert run("plot", *DIGITS, "-o", "b.svg").code == 0
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()


def test_characters_without_a_font_are_named(run: Run, here: Path) -> None:
    pytest.importorskip("matplotlib")
    Path("names.json").write_text(json.dumps(["a", "\U0010fffd"]))  # of private use: no font has it
    ran = run("plot", "[[0.4, 0.6]]", "--labels", "names.json", "-o", "x.png")
    assert (ran.code, "no font here has" in ran.err, "U+10FFFD" in ran.err) == (0, True, True)
    assert run("plot", "[[0.4, 0.6]]", "--labels", "names.json", "-o", "x.svg").err == ""


def test_the_terminal_needs_no_matplotlib() -> None:
    code = (
        "import sys; from dense_cli.cli.main import cli; "
        f"cli(['plot', {str(SAMPLES / 'digits.npy')!r}, '-u', '3'], standalone_mode=False); "
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
