"""Draw how cost grows: ``plot_growth.py RESULTS.json OUT.svg``, of what ``run.py --growth`` has written."""

import json
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams.update({"svg.hashsalt": "densecli", "svg.fonttype": "none"})
results, out = sys.argv[1:]
panels = defaultdict(list)
for work in json.loads(Path(results).read_text())["workloads"]:
    if "growth" in work:
        axis, size = work["growth"]
        ours, floor = work["by"]
        panels[axis].append((size, ours["wall"]["median"], floor["wall"]["median"], floor["name"]))

figure = Figure(figsize=(9, 6), layout="constrained")
for axes, (axis, points) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
    sizes, ours, floors, names = zip(*sorted(points), strict=True)
    axes.plot(sizes, floors, "s--", color="#888888", label=names[0])
    axes.plot(sizes, ours, "o-", color="#1f4e79", label="densecli")
    if axis == "threads":
        axes.set_xticks(sizes)
        axes.set_ylim(bottom=0)
    else:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(axis)
    axes.set_ylabel("seconds, whole process")
    axes.grid(alpha=0.3)
    axes.legend()
figure.savefig(out, metadata={"Date": None})
