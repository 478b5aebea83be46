"""``densecli view``: any sample in any order has the numbers of `predict`, and keys lead where they say."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES, Run
from textual.pilot import Pilot

from dense_cli import Plan, viewing_order, viewing_samples
from dense_cli.errors import ConfigError, ShapeError, UsageError
from dense_cli.tui.app import ViewApp
from dense_cli.tui.reader import Reader
from dense_cli.viewing import Viewed, find_class, open_view
from dense_cli.viewing_order import Order, scan
from dense_cli.viewing_samples import Samples
from dense_cli.writers.screen import Screen

GOLDEN = Path(__file__).parent / "data" / "view"
NAMES = (SAMPLES / "digits.txt").read_text().split()
DIGITS = {
    "weights": str(SAMPLES / "digits.keras"),
    "labels": str(SAMPLES / "digits.txt"),
    "targets": str(SAMPLES / "digits_true.csv"),
}
PLAIN = Screen(80, None, True)


def digits(against: str | None = None, **options: object) -> Viewed:
    return open_view(Plan(str(SAMPLES / "digits.npy"), **(DIGITS | options)), against)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def predicted() -> dict[str, np.ndarray]:
    """What `predict` gives of the digits: (samples, steps, classes) and (samples, steps)."""
    plan = Plan(str(SAMPLES / "digits.npy"), **DIGITS, measures=("confidence", "margin", "entropy"))  # type: ignore[arg-type]
    results = list(plan.run())
    found = {"y": np.concatenate([result.arrays["probabilities"] for result in results]).reshape(16, 8, 10)}
    for name in ("confidence", "margin", "entropy", "loss", "rank"):
        found[name] = np.concatenate([result.measures[name] for result in results]).reshape(16, 8)
    return found


# --- any sample, in any order ----------------------------------------------------------------------


def test_samples_in_any_order_have_the_numbers_of_predict(predicted: dict[str, np.ndarray]) -> None:
    samples = digits().samples
    order = [9, 3, 15, 0]
    steps = samples.steps(order)
    np.testing.assert_array_equal(steps.sample, np.repeat(np.arange(4), 8))
    np.testing.assert_array_equal(steps.numbers, np.repeat(order, 8))
    np.testing.assert_array_equal(steps.classes, predicted["y"][order].argmax(axis=2).ravel())
    for name in ("confidence", "margin", "entropy", "loss"):
        np.testing.assert_allclose(getattr(steps, name), predicted[name][order].ravel(), rtol=1e-5)
    np.testing.assert_array_equal(steps.wrong, predicted["rank"][order].ravel() > 1)
    assert steps.counts.all()


def test_a_look_has_the_rows_of_a_sample(predicted: dict[str, np.ndarray]) -> None:
    look = digits().samples.look([3])
    y = predicted["y"][3]
    np.testing.assert_allclose(look.values, y, rtol=1e-5)
    by_size = np.argsort(-y, axis=1, kind="stable")
    np.testing.assert_array_equal([look.classes, look.runner_up], by_size[:, :2].T)
    two = np.take_along_axis(y, by_size, axis=1)[:, :2].T
    np.testing.assert_allclose([look.best, look.second], two, rtol=1e-5)
    np.testing.assert_array_equal(look.targets, [9] * 8)
    assert (look.start, look.total, look.places[:, 0].tolist()) == (0, 8, [3] * 8)


def test_of_a_long_sample_only_the_rows_around_are_read(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 1000, 4)).astype(np.float32)
    np.save("x.npy", x)
    samples = Samples.open(Plan("x.npy", logits=True))
    monkeypatch.setattr(viewing_samples, "HELD", 0)
    read: list[int] = []
    store = samples.run.source.store  # type: ignore[attr-defined]
    take = store.take
    monkeypatch.setattr(store, "take", lambda rows: read.append(len(take(rows))) or take(rows))
    for at, first in ((0, 0), (500, 492), (999, 984)):
        look = samples.look([1], at)
        assert (look.start, look.total, look.places[0].tolist()) == (first, 1000, [1, first])
        expected = np.exp(x[1, first : first + 16])
        np.testing.assert_allclose(look.values, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5)
    assert read == [16, 16, 16]


def test_streams_are_kept_and_samples_may_differ_in_steps(here: Path) -> None:
    Path("x.jsonl").write_text("[[1, 2], [3, 4], [5, 7]]\n[[5, 6]]\n[[0, 1], [2, 0]]\n")
    viewed = open_view(Plan("x.jsonl", units=3))
    everything = list(Plan("x.jsonl", units=3).run())
    y = np.concatenate([result.arrays["probabilities"] for result in everything])
    assert viewed.samples.count == 3
    np.testing.assert_allclose(viewed.samples.look([2]).values, y[4:], rtol=1e-5)
    np.testing.assert_array_equal(viewed.summaries([2, 0])["steps"], [2, 3])
    np.testing.assert_allclose(
        viewed.summaries([2, 0])["confidence"], [y[4:].max(axis=1).min(), y[:3].max(axis=1).min()], rtol=1e-5
    )
    Path("x.csv").write_text("a,b\n1,2\n3,4\n")
    rows = open_view(Plan("x.csv", units=3)).samples
    assert (rows.count, rows.stepped, rows.run.feature_names) == (2, False, ["a", "b"])


def test_samples_keep_their_numbers(here: Path) -> None:
    picked = digits(batch=slice(4, 12, 2)).samples
    assert [picked.number(i) for i in range(picked.count)] == [4, 6, 8, 10]
    assert [picked.position(n) for n in (8, 5, 99)] == [2, None, None]
    back = digits(batch=slice(None, None, -1)).samples
    assert (back.number(0), back.position(15), back.look([1]).places[0, 0]) == (15, 0, 14)
    Path("y.jsonl").write_text(
        '{"sample":7,"t":0,"probabilities":[0.5,0.5]}\n'
        '{"sample":7,"t":1,"probabilities":[0.25,0.75]}\n'
        '{"sample":3,"t":0,"probabilities":[1.0,0.0]}\n'
    )
    stated = open_view(Plan("y.jsonl")).samples
    assert [stated.number(i) for i in range(stated.count)] == [7, 3]
    assert (stated.position(3), stated.look([0]).classes.tolist()) == (1, [0, 1])


def test_a_model_is_run_on_what_is_looked_at() -> None:
    options = {
        "model": str(SAMPLES / "translate.keras"),
        "labels": str(SAMPLES / "french.json"),
        "input_labels": str(SAMPLES / "english.json"),
    }
    plan = Plan(str(SAMPLES / "sentences.txt"), **options)  # type: ignore[arg-type]
    y = np.concatenate([result.arrays["probabilities"] for result in plan.run()]).reshape(20, 6, 30)
    viewed = open_view(plan)
    np.testing.assert_allclose(viewed.samples.look([7]).values, y[7], rtol=1e-5, atol=1e-7)
    lead = viewed.summaries([5, 18])["classes"]
    np.testing.assert_array_equal(lead[:, :6], y[[5, 18]].argmax(axis=2))
    assert (lead[:, 6:] == -2).all()


def test_summaries_are_of_the_steps_that_count(predicted: dict[str, np.ndarray], here: Path) -> None:
    np.save("lengths.npy", np.arange(16) % 8 + 1)
    viewed = digits(lengths="lengths.npy")
    found = viewed.summaries(range(16))
    real = np.arange(8) < (np.arange(16) % 8 + 1)[:, None]
    np.testing.assert_array_equal(found["steps"], real.sum(axis=1))
    for name, reduce, none in (
        ("confidence", np.min, 9),
        ("margin", np.min, 9),
        ("entropy", np.max, -1),
        ("loss", np.max, -1),
    ):
        expected = reduce(np.where(real, predicted[name], none), axis=1)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)
    np.testing.assert_array_equal(found["wrong"], ((predicted["rank"] > 1) & real).sum(axis=1))
    np.testing.assert_array_equal(found["unsure"], ((predicted["margin"] < 0.1) & real).sum(axis=1))


def test_what_is_no_distribution_is_refused(here: Path) -> None:
    np.save("x.npy", np.ones((2, 3)))
    with pytest.raises(UsageError, match="distributions"):
        open_view(Plan("x.npy", scores=True))
    np.save("x.npy", np.ones((0, 3)))
    with pytest.raises(ConfigError, match="no rows to look at"):
        open_view(Plan("x.npy"))


# --- the order of the list -------------------------------------------------------------------------


def scanned(viewed: Viewed, sort: str | None, only: str | None) -> Order:
    order = Order(sort, only)
    for _ in scan(viewed, order):
        pass
    return order


def test_the_list_is_sorted_and_picked_as_by_hand(predicted: dict[str, np.ndarray]) -> None:
    viewed = digits()
    wrong = (predicted["rank"] > 1).any(axis=1)
    values = {
        "confidence": predicted["confidence"].min(axis=1),
        "margin": predicted["margin"].min(axis=1),
        "entropy": -predicted["entropy"].max(axis=1),
        "loss": -predicted["loss"].max(axis=1),
    }
    for sort, value in values.items():
        expected = np.argsort(value, kind="stable")
        assert scanned(viewed, sort, None).summaries["number"].tolist() == expected.tolist()
        order = scanned(viewed, sort, "wrong")
        assert order.summaries["number"].tolist() == [i for i in expected if wrong[i]]
        assert (order.matching, order.seen, order.whole) == (wrong.sum(), 16, True)
    again = order.again("margin", None)
    assert again is not None
    assert again.summaries["number"].tolist() == np.argsort(values["margin"], kind="stable").tolist()


def test_of_many_samples_the_first_of_the_list_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.random.default_rng(1).dirichlet(np.ones(3), size=1000)
    viewed = open_view(Plan(y))
    monkeypatch.setattr(viewing_order, "KEPT", 50)
    monkeypatch.setattr(viewing_samples, "_CHUNK_VALUES", 100)
    order = scanned(viewed, "confidence", None)
    expected = np.argsort(y.max(axis=1), kind="stable")[:50]
    assert order.summaries["number"].tolist() == expected.tolist()
    assert (order.matching, order.seen, order.whole, order.again("margin", None)) == (1000, 1000, False, None)


@pytest.mark.parametrize("kind", ["unsure", "change", "wrong", "flip"])
def test_a_search_stops_at_each_row_of_its_kind(
    kind: str, predicted: dict[str, np.ndarray], here: Path
) -> None:
    other = predicted["y"].copy()
    other[[3, 9], 5] = other[[3, 9], 5, ::-1]
    np.save("b.npy", other)
    viewed = digits("b.npy")
    classes = predicted["y"].argmax(axis=2)
    flags = {
        "unsure": predicted["margin"] < 0.1,
        "change": np.diff(classes, axis=1, prepend=classes[:, :1]) != 0,
        "wrong": predicted["rank"] > 1,
        "flip": other.argmax(axis=2) != classes,
    }[kind]
    expected = np.argwhere(flags).tolist()
    assert expected
    for step, begin in ((1, (0, -1)), (-1, (15, 8))):
        found, (at, row) = [], begin
        while True:
            *_, last = viewed.search(range(16), at, row, kind, step)
            if last.row is None:
                break
            at, row = last
            found.append([at, row])
        assert found == expected[::step]


def test_a_label_is_found_by_its_beginning_or_a_part() -> None:
    names = ["dog", "hotdog", "Cat", "dogma"]
    assert [find_class(names, 4, text) for text in ("dog", "dogm", "cat", "otd", "#3")] == [0, 3, 2, 1, 3]
    with pytest.raises(ConfigError, match="no class 'bird'"):
        find_class(names, 4, "bird")


def test_outputs_of_another_shape_are_refused(here: Path) -> None:
    np.save("b.npy", np.full((16, 8, 3), 1 / 3))
    with pytest.raises(ShapeError, match=r"b.npy: expected the shape \(16, 8, 10\).*found \(16, 8, 3\)"):
        digits("b.npy")


# --- on the screen ---------------------------------------------------------------------------------


class Seen:
    """An app under a pilot, and the text that is on its screen."""

    def __init__(self, app: ViewApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> str:
        """Press keys one after another, wait for what they lead to, and return the screen."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()
        return self.text

    async def type(self, text: str) -> str:
        """Type a text and Enter."""
        await self.pilot.press(*text, "enter")
        await self.settle()
        return self.text

    async def settle(self) -> None:
        for _ in range(1000):
            await self.pilot.pause()
            if self.app.fault is not None:
                raise self.app.fault
            if not self.app.reader.busy:
                break
            await asyncio.sleep(0.005)
        await self.pilot.pause()

    @property
    def lines(self) -> list[str]:
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines) + "\n"


def on_screen(
    viewed: Viewed, walk: Callable[[Seen], object], size: tuple[int, int] = (80, 24), shown: Screen = PLAIN
) -> ViewApp:
    """Show outputs on a screen of a size, and walk through them."""

    async def run() -> ViewApp:
        app = ViewApp(viewed, shown)
        async with app.run_test(size=size) as pilot:
            seen = Seen(app, pilot)
            await seen.settle()
            await walk(seen)  # type: ignore[misc]
        app.reader.stop()
        return app

    return asyncio.run(run())


def stories(text: str) -> list[list[str]]:
    """Return the words of the lines of the story: step, label, p1, runner-up, p2, margin."""
    found = re.findall(r"│[> ] *(\d+) +(\w+) +(\d\.\d{4}) +(\w+) +(\d\.\d{4}) +(\d\.\d{4})", text)
    return [list(words) for words in found]


def test_the_screen_has_the_numbers_that_predict_prints(run: Run) -> None:
    args = ("predict", SAMPLES / "digits.npy", "-w", DIGITS["weights"], "--labels", DIGITS["labels"])
    table = run(*args, "-b", 3).text
    printed = re.findall(r"^ +3 +(\d+) +(\w+) +([\d.]+) +(\w+) +([\d.]+) +([\d.]+)", table, re.MULTILINE)
    assert len(printed) == 8

    async def walk(seen: Seen) -> None:
        text = await seen.press("down", "down", "down")
        assert stories(text) == [list(words) for words in printed]
        assert re.search(r"^> +3 +0\.1650 +2\.4576 !\? six two nine…", text, re.MULTILINE)
        text = await seen.press("right", "right")
        bars = re.findall(r"│ *(\w+) ([\d.]+) ([● ]) [█▏▎▍▌▋▊▉]+", text)
        predicted = json.loads(run(*args, "-b", 3, "-f", "json").out)["probabilities"][0][2]
        order = np.argsort(-np.array(predicted))[: len(bars)]
        assert bars == [(NAMES[c], f"{predicted[c]:.4f}", "●" if c == order[0] else " ") for c in order]
        assert len(bars) > 1

    on_screen(digits(), walk, (120, 40))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
def test_screens_are_as_they_were(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers in these files are held against `predict` by the test above."""
    monkeypatch.chdir(SAMPLES.parent)

    async def walk(seen: Seen) -> None:
        text = await seen.press("down", "down", "down", "right", "right")
        golden = GOLDEN / f"digits_{size[0]}x{size[1]}.txt"
        assert text == golden.read_text("utf-8")

    on_screen(open_view(Plan("samples/digits.npy", **DIGITS)), walk, size)  # type: ignore[arg-type]


def test_keys_go_where_they_say(predicted: dict[str, np.ndarray]) -> None:
    unsure = np.argwhere(predicted["margin"] < 0.1).tolist()
    wrong = np.argwhere(predicted["rank"] > 1).tolist()

    async def walk(seen: Seen) -> None:
        def place() -> list[int]:
            return [seen.app.state.at, seen.app.state.row]

        for expected in unsure[:3]:
            await seen.press("n")
            assert place() == expected
        await seen.press("N")
        assert place() == unsure[1]
        await seen.press("x")
        assert place() == min(p for p in wrong if p > unsure[1])
        text = await seen.press("end")
        assert re.search(r"^> +15 ", text, re.MULTILINE)
        await seen.press("home")
        assert place()[0] == 0
        text = await seen.press("N")
        assert "no unsure step before this one" in text
        await seen.press("slash")
        text = await seen.type("12")
        assert re.search(r"^> +12 ", text, re.MULTILINE)
        await seen.press("slash")
        assert "no sample 99: they are 0 to 15" in await seen.type("99")
        await seen.press("slash")
        assert "class seven is shown" in await seen.type("sev")
        assert "seven" in seen.text.split("┼")[0]
        await seen.press("slash")
        await seen.press("escape")
        assert "class seven" not in await seen.press("down")

    on_screen(digits(), walk)


def test_the_list_is_sorted_and_picked_by_keys(predicted: dict[str, np.ndarray]) -> None:
    def numbers(text: str) -> list[int]:
        return [int(n) for n in re.findall(r"^[> ] +(\d+) +0\.\d", text, re.MULTILINE)]

    async def walk(seen: Seen) -> None:
        assert numbers(seen.text) == list(range(16))
        text = await seen.press("o")
        assert numbers(text) == np.argsort(predicted["confidence"].min(axis=1), kind="stable").tolist()
        assert "16 of 16 samples, the least confident first" in text
        text = await seen.press("o", "o", "o")
        by_loss = np.argsort(-predicted["loss"].max(axis=1), kind="stable").tolist()
        assert numbers(text) == by_loss
        text = await seen.press("w")
        wrong = (predicted["rank"] > 1).any(axis=1)
        assert numbers(text) == [i for i in by_loss if wrong[i]]
        assert f"{wrong.sum()} of 16 samples with wrong steps, the largest loss first" in text
        assert numbers(await seen.press("w", "o")) == list(range(16))
        assert (
            numbers(await seen.press("u")) == np.flatnonzero((predicted["margin"] < 0.1).any(axis=1)).tolist()
        )

    on_screen(digits(), walk, (80, 30))


def test_a_temperature_shows_what_is_no_longer_as_sure() -> None:
    before = digits().samples.look([3])
    after = digits(temperature=2.0).samples.look([3])

    async def walk(seen: Seen) -> None:
        await seen.press("slash")
        await seen.type("3")
        await seen.press("T")
        text = await seen.type("2")
        assert "temperature 2 · against temperature 1" in text
        for a, b in zip(after.best[:5], before.best[:5], strict=True):
            assert re.search(rf" {a:.4f} .* {b:.4f} ", text)
        more = int(((after.margin < 0.1) & (before.margin >= 0.1)).sum())
        assert f"against temperature 1: 0 of another class, {more} unsure here alone, 0 there alone" in text
        flips = np.flatnonzero((after.margin < 0.1) != (before.margin < 0.1))
        await seen.press("f")
        assert seen.app.state.row == flips[0]
        await seen.press("T")
        assert "against" not in (await seen.type("1")).splitlines()[0]
        await seen.press("T")
        assert "expected a temperature above 0, found cold" in await seen.type("cold")

    on_screen(digits(), walk, (160, 30))


def test_two_inputs_are_shown_from_flip_to_flip(predicted: dict[str, np.ndarray], here: Path) -> None:
    other = predicted["y"].copy()
    other[9, 5] = np.roll(other[9, 5], 1)
    np.save("b.npy", other)

    async def walk(seen: Seen) -> None:
        text = await seen.press("f")
        assert [seen.app.state.at, seen.app.state.row] == [9, 5]
        own, theirs = predicted["y"][9, 5], other[9, 5]
        names = f"{NAMES[own.argmax()]} +{own.max():.4f} .* {NAMES[theirs.argmax()]} +{theirs.max():.4f} .*≠"
        assert re.search(f">5 {names}", text)
        assert "against b.npy: 1 of another class" in text
        assert "no flip after this one" in await seen.press("f")
        text = await seen.press("d")
        assert "1 of 16 samples with flips" in text

    on_screen(digits("b.npy"), walk, (120, 30))


def test_without_time_steps_samples_are_drawn_side_by_side(here: Path) -> None:
    y = np.random.default_rng(2).dirichlet(np.ones(4), size=50)
    np.save("y.npy", y)

    async def walk(seen: Seen) -> None:
        text = await seen.press("right", "down")
        assert re.search(r"^> +2 ", text, re.MULTILINE)
        found = stories(text)
        for words in found:
            row = y[int(words[0])]
            order = np.argsort(-row)
            assert words[1:5] == [
                str(order[0]),
                f"{row[order[0]]:.4f}",
                str(order[1]),
                f"{row[order[1]]:.4f}",
            ]
        assert len(found) > 3
        await seen.press("pagedown")
        assert seen.app.state.at == 2 + seen.app.state.height
        await seen.press("c")
        assert y[seen.app.state.at].argmax() != y[seen.app.state.at - 1].argmax()

    on_screen(open_view(Plan("y.npy")), walk)


def test_text_from_files_is_text(here: Path) -> None:
    hostile = [
        "[red]x[/red]",
        "\x1b[31mred",
        "[link=file:///etc/passwd]y",
        "a\u202eb",
        "$(rm)",
        "[/]",
        *"ghij",
    ]
    Path("names.json").write_text(json.dumps(hostile))

    async def walk(seen: Seen) -> None:
        text = await seen.press("u", "e")
        text += await seen.press("q", "n")
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[" in text
        await seen.press("slash")
        assert "class [red]x[/red] is shown" in await seen.type("[red")
        assert "[red]x[/red]" in seen.text

    on_screen(digits(labels="names.json", targets=None), walk, (200, 50))


def test_what_is_seen_is_saved(here: Path, run: Run) -> None:
    args = ("predict", SAMPLES / "digits.npy", "-w", DIGITS["weights"], "--labels", DIGITS["labels"])
    expected = run(*args, "-b", 1, "-f", "csv").out

    async def walk(seen: Seen) -> None:
        await seen.press("down", "s")
        assert "one.csv: the rows of 1 sample, csv" in await seen.type("one.csv")
        await seen.press("s")
        assert "one.csv: there is such a file" in await seen.type("one.csv")
        await seen.press("s")
        assert "one.svg: the picture" in await seen.type("one.svg")
        await seen.press("s")
        assert "no/x.csv" in await seen.type("no/x.csv")

    on_screen(digits(targets=None), walk)
    assert Path("one.csv").read_bytes() == expected
    assert "sample 1" in Path("one.svg").read_text()


def test_explanations_and_help_are_pages(run: Run) -> None:
    async def walk(seen: Seen) -> None:
        text = await seen.press("e")
        printed = run(
            "predict", SAMPLES / "digits.npy", "-w", DIGITS["weights"], "--labels", DIGITS["labels"]
        )
        assert printed.code == 0
        explained = run(
            *("predict", SAMPLES / "digits.npy", "-w", DIGITS["weights"], "--labels", DIGITS["labels"]),
            *("-b", 0, "--explain", "auto"),
        ).text
        lines = explained[explained.index("sample 0, t 0: logit") :].splitlines()[:10]
        for line in lines:
            assert line.split()[-1] in text
        assert "any key goes back" in text
        assert "least p" in await seen.press("x")
        text = await seen.press("question_mark")
        for words in ("PgUp PgDn", "n  the next unsure step", "Ctrl-C", "! wrong"):
            assert words in text
        assert "the next unsure step" in await seen.press("down")
        assert "least p    loss" in await seen.press("q")

    on_screen(digits(), walk, (120, 40))


@pytest.mark.parametrize("size", [(60, 20), (61, 21), (99, 30), (100, 24), (161, 40), (300, 100), (20, 8)])
def test_every_size_shows_the_keys_and_the_sample(size: tuple[int, int]) -> None:
    async def walk(seen: Seen) -> None:
        assert len(seen.lines) == size[1]
        if size[0] >= 60:
            for words in ("? help", "q quit", "n unsure", "least p", "likeliest classes", "runn"):
                assert words in seen.text
        for width, height in ((80, 24), (60, 20), (200, 60)):
            await seen.pilot.resize_terminal(width, height)
            await seen.settle()
            assert (len(seen.lines), len(seen.lines[0])) == (height, width)
            assert "> " in seen.text

    on_screen(digits(), walk, size)


# --- the reader ------------------------------------------------------------------------------------


def test_the_most_urgent_job_comes_first_and_another_takes_its_place() -> None:
    import threading

    told = threading.Semaphore(0)
    reader = Reader(told.release)
    began, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        began.set()
        go_on.wait(10)
        yield "slow"

    reader.want("scan", slow())
    assert began.wait(10)
    reader.want("scan", iter(["other"]))
    reader.want("look", iter(["look"]))
    go_on.set()
    reader.wait("scan", 10)
    assert list(reader.results()) == [("look", "look"), ("scan", "other")]

    def wrong() -> Iterator[str]:
        raise ValueError("no")
        yield

    reader.want("act", wrong())
    reader.wait("act", 10)
    ((name, error),) = reader.results()
    assert (name, str(error), reader.busy) == ("act", "no", False)
    reader.stop()


# --- as a process ----------------------------------------------------------------------------------


def test_without_a_terminal_it_says_what_writes_anywhere() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "dense_cli", "view", SAMPLES / "digits.npy", "-w", DIGITS["weights"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("", 2)
    assert ran.stderr == (
        "Error: view is full screen: expected a terminal that can be drawn on; "
        "plot and predict write anywhere\n"
    )


@pytest.mark.parametrize("command", ["predict", "plot", "report", "check", "info"])
def test_no_other_command_imports_textual(command: str, here: Path) -> None:
    code = (
        "import sys; from dense_cli.cli.main import cli\n"
        "try: cli(sys.argv[1:], standalone_mode=False)\n"
        "except SystemExit: pass\n"
        "print(sorted({'textual', 'dense_cli.tui', 'dense_cli.viewing'} & set(sys.modules)), file=sys.stderr)"
    )
    args = [command, str(SAMPLES / "digits.npy"), *(["-w", DIGITS["weights"]] if command != "info" else [])]
    ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    assert ran.stderr.splitlines()[-1] == "[]"
