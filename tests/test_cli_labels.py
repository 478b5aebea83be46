"""``--labels``: the names of classes in every view and in every format."""

from __future__ import annotations

import json

import pytest

Y = [[[0.5, 0.375, 0.125], [0.125, 0.125, 0.75]], [[0.25, 0.5, 0.25], [0, 0, 1]]]
NAMES = ["cat", "dog", "bird"]
FORMS = {
    "labels.txt": "cat\ndog\nbird\n",
    "crlf.txt": "\ufeffcat\r\ndog\r\nbird\r\n",
    "list.json": json.dumps(NAMES),
    "ids.json": json.dumps({"bird": 2, "cat": 0, "dog": 1}),
    "tokenizer.json": json.dumps(
        {"model": {"vocab": {"cat": 0, "dog": 1}}, "added_tokens": [{"id": 2, "content": "bird"}]}
    ),
}


@pytest.fixture
def files(here):
    """Finished outputs y.json, weights that pass their input on, and labels in every form."""
    (here / "y.json").write_text(json.dumps(Y))
    (here / "same.json").write_text(json.dumps({"kernel": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}))
    for name, text in FORMS.items():
        (here / name).write_bytes(text.encode())
    return here


PREDICT = ["predict", "y.json", "-w", "same.json", "-a", "linear"]
SLICE = ["slice", "y.json"]


# --- every form, every view, every format ---------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", [PREDICT, SLICE, ["decode", "y.json"]])
@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "table", "markdown"])
@pytest.mark.parametrize("top", [[], ["-k", "2"]])
def test_labels_mean_the_same_in_every_form(run, files, form, command, format, top):
    if command[0] == "decode":
        format, top = {"jsonl": "jsonl"}.get(format, "text"), []
    args = [*command, "-f", format, *top]
    ran = run(*args, "--labels", form)
    assert (ran.code, ran.err) == (0, "")
    assert "bird" in ran.text
    assert ran.out == run(*args, "--labels", "labels.txt").out


def test_json_has_the_labels_and_the_label_of_each_class(run, files):
    found = json.loads(run(*PREDICT, "--labels", "labels.txt", "-f", "json").out)
    del found["layer"]
    assert found == {
        "input_shape": [2, 2, 3],
        "shape": [2, 2, 3],
        "labels": NAMES,
        "probabilities": Y,
        "classes": [[0, 2], [1, 2]],
        "predicted": [["cat", "bird"], ["dog", "bird"]],
    }
    found = json.loads(run(*SLICE, "--labels", "labels.txt", "-f", "json").out)
    assert found == {
        "layer": None,
        "shape": [2, 2, 3],
        "labels": NAMES,
        "steps": [
            {
                "t": 0,
                "probabilities": [[0.5, 0.375, 0.125], [0.25, 0.5, 0.25]],
                "classes": [0, 1],
                "predicted": ["cat", "dog"],
            },
            {
                "t": 1,
                "probabilities": [[0.125, 0.125, 0.75], [0, 0, 1]],
                "classes": [2, 2],
                "predicted": ["bird", "bird"],
            },
        ],
    }


def test_json_shows_the_likeliest_with_label_and_probability_together(run, files):
    found = json.loads(run(*PREDICT, "--labels", "labels.txt", "-f", "json", "-k", "2", "-b", "0").out)
    del found["layer"]
    assert found == {
        "input_shape": [1, 2, 3],
        "shape": [1, 2, 3],
        "top": [
            [
                [
                    {"class": 0, "probability": 0.5, "label": "cat"},
                    {"class": 1, "probability": 0.375, "label": "dog"},
                ],
                [
                    {"class": 2, "probability": 0.75, "label": "bird"},
                    {"class": 0, "probability": 0.125, "label": "cat"},
                ],
            ]
        ],
        "classes": [[0, 2]],
        "predicted": [["cat", "bird"]],
    }


def test_json_lines_have_the_label_of_each_class(run, files):
    ran = run(*PREDICT, "--labels", "labels.txt", "-f", "jsonl")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"sample": 0, "t": 0, "probabilities": [0.5, 0.375, 0.125], "class": 0, "label": "cat"},
        {"sample": 0, "t": 1, "probabilities": [0.125, 0.125, 0.75], "class": 2, "label": "bird"},
        {"sample": 1, "t": 0, "probabilities": [0.25, 0.5, 0.25], "class": 1, "label": "dog"},
        {"sample": 1, "t": 1, "probabilities": [0, 0, 1], "class": 2, "label": "bird"},
    ]
    ran = run(*SLICE, "--labels", "labels.txt", "-f", "jsonl", "-k", "1")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"sample": s, "t": t, "top": [{"class": c, "probability": p, "label": NAMES[c]}]}
        | {"class": c, "label": NAMES[c]}
        for s, t, c, p in [(0, 0, 0, 0.5), (1, 0, 1, 0.5), (0, 1, 2, 0.75), (1, 1, 2, 1)]
    ]


def test_csv_has_a_column_of_labels(run, files):
    assert run(*PREDICT, "--labels", "labels.txt", "-f", "csv").text == (
        "sample,t,class,label,p_cat,p_dog,p_bird\n"
        "0,0,0,cat,0.5,0.375,0.125\n"
        "0,1,2,bird,0.125,0.125,0.75\n"
        "1,0,1,dog,0.25,0.5,0.25\n"
        "1,1,2,bird,0.0,0.0,1.0\n"
    )
    assert run(*SLICE, "--labels", "labels.txt", "-f", "csv", "-k", "2").text == (
        "sample,t,class,label,top1,top1_label,top1_p,top2,top2_label,top2_p\n"
        "0,0,0,cat,0,cat,0.5,1,dog,0.375\n"
        "1,0,1,dog,1,dog,0.5,0,cat,0.25\n"
        "0,1,2,bird,2,bird,0.75,0,cat,0.125\n"
        "1,1,2,bird,2,bird,1.0,0,cat,0.0\n"
    )


@pytest.mark.parametrize("format", ["npy", "npz"])
def test_arrays_hold_numbers_alone(run, files, format):
    assert run(*PREDICT, "--labels", "labels.txt", "-f", format).out == run(*PREDICT, "-f", format).out


def test_a_table_names_the_columns_and_the_class_of_each_row(run, files):
    table = """
y[:, 1, :]  (t = 1)
sample  class  label     cat     dog    bird
────────────────────────────────────────────
     0      2  bird   0.1250  0.1250  0.7500
     1      2  bird   0.0000  0.0000  1.0000
"""
    assert table in run(*SLICE, "--labels", "labels.txt").text
    table = """
sample  t  top1      p1  top2      p2
─────────────────────────────────────
     0  0  cat   0.5000  dog   0.3750
     0  1  bird  0.7500  cat   0.1250
     1  0  dog   0.5000  cat   0.2500
     1  1  bird  1.0000  cat   0.0000
"""
    assert table in run(*PREDICT, "--labels", "labels.txt", "-k", "2").text


def test_markdown_shows_label_and_probability_together(run, files):
    table = """
| sample | t | top1 | p1 | top2 | p2 |
| ---: | ---: | --- | ---: | --- | ---: |
| 0 | 0 | cat | 0.5000 | dog | 0.3750 |
| 0 | 1 | bird | 0.7500 | cat | 0.1250 |
| 1 | 0 | dog | 0.5000 | cat | 0.2500 |
| 1 | 1 | bird | 1.0000 | cat | 0.0000 |
"""
    assert table in run(*PREDICT, "--labels", "labels.txt", "-k", "2", "-f", "markdown").text


def test_a_row_without_a_class_has_no_label(run, files):
    (files / "y.csv").write_text("0.25,0.5,0.25\nnan,0.5,0.5\n")
    args = [
        "predict",
        "y.csv",
        "-w",
        "same.json",
        "-a",
        "linear",
        "--labels",
        "labels.txt",
        "--show",
        "classes",
    ]
    assert run(*args, "-f", "csv").text == "sample,class,label\n0,1,dog\n1,,\n"
    found = json.loads(run(*args, "-f", "json").out)
    assert (found["classes"], found["predicted"]) == ([1, None], ["dog", None])
    last = json.loads(run(*args, "-f", "jsonl").out.splitlines()[1])
    assert last == {"sample": 1, "class": None, "label": None}
    assert "\n     1      -  -\n" in run(*args).text


# --- what labels may hold ---------------------------------------------------------------------------

LONG = "seven and a half, which is a label of more than forty columns"


def test_a_long_label_is_cut_in_a_table_with_the_cut_shown_and_nowhere_else(run, files):
    (files / "l.json").write_text(json.dumps([LONG, "長" * 30, "c"]))
    table = f"""
     0  0  {LONG[:39]}…  0.5000  {"長" * 19}…   0.3750
     0  1  {"c".ljust(40)}  0.7500  {LONG[:39]}…  0.1250
"""
    assert table in run(*PREDICT, "--labels", "l.json", "-k", "2").text.replace("─", "")
    found = json.loads(run(*PREDICT, "--labels", "l.json", "-f", "json").out)
    assert found["labels"] == [LONG, "長" * 30, "c"]
    assert f'0,0,0,"{LONG}",' in run(*PREDICT, "--labels", "l.json", "-f", "csv").text


def test_wide_characters_keep_columns_aligned(run, files):
    (files / "l.txt").write_text("猫\ne\u0301te\u0301\n🐦鳥\n", encoding="utf-8")  # 2, 3 and 4 columns wide
    table = """
sample  t  top1      p1  top2      p2
─────────────────────────────────────
     0  0  猫    0.5000  e\u0301te\u0301   0.3750
     0  1  🐦鳥  0.7500  猫    0.1250
     1  0  e\u0301te\u0301   0.5000  猫    0.2500
     1  1  🐦鳥  1.0000  猫    0.0000
"""
    assert table in run(*PREDICT, "--labels", "l.txt", "-k", "2").text


def test_labels_are_inert_text_in_tables(run, files):
    (files / "l.json").write_text(json.dumps(["[red]x[/red]", "\x1b[2J\n", "a|b\\c"]))
    table = """
sample  t  top1              p1  top2              p2
─────────────────────────────────────────────────────
     0  0  [red]x[/red]  0.5000  \\x1b[2J\\n     0.3750
     0  1  a|b\\c         0.7500  [red]x[/red]  0.1250
"""
    found = run(*PREDICT, "--labels", "l.json", "-k", "2", "-b", "0").text
    assert table in found
    assert "\x1b" not in found
    markdown = run(*PREDICT, "--labels", "l.json", "-k", "1", "-f", "markdown", "-b", "0").text
    assert "\n| 0 | 1 | a\\|b\\\\c | 0.7500 |\n" in markdown


def test_csv_quotes_a_label_that_needs_it_and_json_keeps_it_as_it_is(run, files):
    names = ['say "hi", all', " b", "l\nf"]
    (files / "l.json").write_text(json.dumps(names))
    args = [*PREDICT, "--labels", "l.json", "--show", "classes"]
    assert run(*args, "-f", "csv").text == (
        'sample,t,class,label\n0,0,0,"say ""hi"", all"\n0,1,2,"l\nf"\n1,0,1," b"\n1,1,2,"l\nf"\n'
    )
    assert json.loads(run(*args, "-f", "json").out)["labels"] == names


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [PREDICT, SLICE, ["decode", "y.json"]])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.txt", "a\nb\n", "l.txt: expected 3, one for each class, found 2 labels"),
        ("l.txt", "a\nb\nc\nd\n", "l.txt: expected 3, one for each class, found 4 labels"),
        ("l.json", '["a"]', "l.json: expected 3, one for each class, found 1 labels"),
        ("l.json", '{"a": 3}', "l.json: token 'a' is of class 3: expected classes below 3 (1 labels)"),
        (
            "l.json",
            '{"a": 1, "b": 1}',
            "l.json: class 1 has two tokens, 'a' and 'b'",
        ),
    ],
)
def test_labels_that_do_not_fit_the_classes_are_refused_with_both_numbers(
    run, files, command, name, text, message
):
    (files / name).write_text(text)
    ran = run(*command, "--labels", name)
    assert ran == (b"", f"Error: {message}\n", 2)


def test_a_token_to_id_object_may_leave_ids_out(run, files):
    (files / "l.json").write_text('{"bird": 2}')
    assert run("decode", "y.json", "--labels", "l.json") == (b"0 bird\n1 bird\n", "", 0)


def test_a_label_that_classes_share_names_no_target_and_explains_nothing(run, here):
    (here / "labels.txt").write_text("cat\ndog\ncat\n")
    (here / "x.json").write_text("[[1, 2], [3, 4]]")
    args = ["predict", "x.json", "-u", 3, "--labels", "labels.txt", "-f", "jsonl"]
    (here / "t.json").write_text('["dog", "cat"]')
    ran = run(*args, "--targets", "t.json")
    message = "t.json: sample 1: expected a label of one class, found 'cat' of the classes 0 and 2"
    assert (ran.err, ran.code) == (f"Error: {message}\nHint: targets may be class numbers\n", 2)
    (here / "t.json").write_text('["dog", 2]')
    assert run(*args, "--targets", "t.json").code == 0
    ran = run(*args, "--explain", "cat")
    assert (ran.err, ran.code) == (
        "Error: --explain: expected one class, found 'cat', which names 0 and 2\n",
        2,
    )
    assert run(*args, "--explain", "dog").code == 0


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.csv", "sample,class\n0,0\n1,1\n", "a table of sample, class"),
        ("t.csv", "sample,t,class,p0\n0,0,1,0.5\n", "a table of sample, t, class"),
        ("t.jsonl", '{"sample":1,"class":1}\n{"sample":0,"class":0}\n', "sample 1 in place of sample 0"),
        ("t.jsonl", '{"sample":0,"t":0,"class":1}\n', "sample 0, t 0 in place of sample 0"),
    ],
)
def test_places_that_lines_of_targets_state_are_no_targets_and_not_passed_over(
    name, content, found, run, here
):
    (here / name).write_text(content)
    ran = run("predict", "-u", 2, "--targets", name, stdin=b"[[1,2],[3,4]]")
    message = f"{name}: expected a line for each sample, found {found}"
    hint = "print targets with -f json, npy or npz, which hold them in order"
    assert (ran.err, ran.code) == (f"Error: {message}\nHint: {hint}\n", 2)


def test_lines_that_state_their_samples_in_order_are_targets(run, here):
    (here / "t.jsonl").write_text('{"sample":0,"class":1}\n{"sample":1,"class":0}\n')
    (here / "u.json").write_text("[1, 0]")
    args = ["predict", "-u", 2, "-f", "csv", "--targets"]
    assert run(*args, "t.jsonl", stdin=b"[[1,2],[3,4]]") == run(*args, "u.json", stdin=b"[[1,2],[3,4]]")
