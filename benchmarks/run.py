"""Measure densecli and its peers side by side, each run a process of its own.

    python benchmarks/run.py --output results.json
    python benchmarks/run.py --quick --only top5-npy --python ~/keras/bin/python
    python benchmarks/run.py --markdown results.json

A round runs everything that does one work once, one after another; the first round warms up and is not
counted. A ratio compares two processes of the same round: what slows the machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workloads import GROWTH, WORKLOADS, Peer, Workload

HERE = Path(__file__).resolve().parent
MIB = 2**20
# The unit of ru_maxrss. The peak of a process starts at that of the one that starts it, so this one
# imports no NumPy: inputs are made and answers compared by processes of their own.
RSS = 1 if sys.platform == "darwin" else 1024
# What this shell says to Python and to BLAS is left out: with PYTHONDONTWRITEBYTECODE every run would
# compile densecli anew, with PYTHONUNBUFFERED every line would be a write of its own.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("PYTHON") and not name.endswith("_NUM_THREADS")
}

# --- one process ---------------------------------------------------------------------------------


def measure(command: list[str], folder: Path, out: Path, stdin: str | None, env: dict[str, str]) -> Any:
    """Run a process to its end and return its wall and CPU seconds and its peak memory in MiB."""
    out.unlink(missing_ok=True)
    command = [part.replace("{out}", out.name) for part in command]
    with tempfile.TemporaryFile() as errors, open(os.devnull if out.name in command else out, "wb") as stdout:
        begin = time.perf_counter()
        cat = subprocess.Popen(["cat", stdin], cwd=folder, stdout=subprocess.PIPE) if stdin else None
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT | env,
            stdin=cat.stdout if cat else subprocess.DEVNULL,
            stdout=stdout,
            stderr=errors,
        )
        if cat and cat.stdout:
            cat.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if cat:
            cat.wait()
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()[-2000:]
            raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: {said}")
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * RSS / MIB}


# --- who is there --------------------------------------------------------------------------------


def versions(python: str, modules: tuple[str, ...]) -> dict[str, str] | None:
    """Return the versions of the modules in an interpreter; None if one of them is not there."""
    code = "import sys, importlib.metadata as m; print(*(m.version(n) for n in sys.argv[1:]))"
    found = subprocess.run([python, "-c", code, *modules], capture_output=True, text=True)
    if found.returncode:
        return None
    return dict(zip(modules, found.stdout.split(), strict=True))


def densecli() -> list[str]:
    """Return the installed command that belongs to this interpreter."""
    script = Path(sys.executable).parent / "densecli"
    return [str(script)] if script.exists() else [sys.executable, "-m", "dense_cli"]


def peer_command(peer: Peer, pythons: list[str]) -> tuple[list[str], dict[str, str]] | None:
    """Return how to run a peer and the versions of what it needs; None if no interpreter has that."""
    arguments = list(peer.arguments)
    if arguments[0].endswith(".py"):
        arguments[0] = str(HERE / "peers" / arguments[0])
    if not peer.needs:
        return [sys.executable, *arguments], {}
    for python in pythons:
        found = versions(python, peer.needs)
        if found is not None:
            return [python, *arguments], found
    return None


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            cpu = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        **(versions(sys.executable, ("densecli", "numpy", "orjson")) or {}),
    }


# --- one work ------------------------------------------------------------------------------------


def make_data(workload: Workload, quick: bool, folder: Path) -> Path:
    """Make the input of a work, unless an earlier one had the same; return its folder."""
    sizes = workload.data.quick if quick else workload.data.sizes
    made = folder / "-".join([workload.data.kind, *map(str, sizes)])
    if not made.exists():
        for old in folder.iterdir():
            shutil.rmtree(old)
        made.mkdir()
        command = [sys.executable, str(HERE / "data.py"), workload.data.kind, *map(str, sizes)]
        subprocess.run(command, cwd=made, check=True)
    return made


def run(workload: Workload, runs: int, pythons: list[str], quick: bool, folder: Path) -> dict[str, Any]:
    """Measure a work by everybody who is there, and compare the answers."""
    place = make_data(workload, quick, folder)
    entries: list[dict[str, Any]] = []
    commands: list[tuple[list[str], Path, dict[str, str]]] = []
    for peer in [None, *workload.peers]:
        found = ([*densecli(), *workload.densecli], {}) if peer is None else peer_command(peer, pythons)
        if found is None:
            continue
        commands.append((found[0], place / f"out{len(commands)}.{workload.out}", peer.env if peer else {}))
        entry: dict[str, Any] = {"name": peer.name if peer else "densecli", "versions": found[1], "runs": []}
        if peer is not None:
            entry |= {"limit": peer.limit, "answers": peer.answers}
        entries.append(entry)

    for number in range(runs + 1):
        for entry, (command, out, env) in zip(entries, commands, strict=True):
            if "failed" in entry:
                continue
            try:
                measured = measure(command, place, out, workload.stdin, env)
            except RuntimeError as error:
                if entry is entries[0]:
                    raise
                entry["failed"] = str(error)
                continue
            if number:
                entry["runs"].append(measured)

    ours = entries[0]
    for entry, (_, out, _) in zip(entries[1:], commands[1:], strict=True):
        if "failed" in entry:
            continue
        entry["ratio"] = spread(
            [a["wall"] / b["wall"] for a, b in zip(ours["runs"], entry["runs"], strict=True)]
        )
        if entry.pop("answers"):
            check = [sys.executable, str(HERE / "check.py"), str(commands[0][1]), str(out)]
            compared = subprocess.run(check, capture_output=True, text=True)
            entry["answers"] = compared.stdout.strip() or compared.stderr.strip()[-500:]
    for entry in entries:
        if entry["runs"]:
            entry |= {key: spread([r[key] for r in entry["runs"]]) for key in ("wall", "cpu", "peak")}
    for _, out, _ in commands:
        out.unlink(missing_ok=True)
    what = f"{workload.name} {'×'.join(map(str, workload.data.quick))}" if quick else workload.what
    return {"name": workload.name, "what": what, "memory": workload.memory, "by": entries}


def spread(values: list[float]) -> dict[str, float]:
    """Return median, min and max."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


# --- the report ----------------------------------------------------------------------------------

COLUMNS = ("work", "by", "wall s", "CPU s", "peak MiB", "densecli ÷ it", "limit", "")


def rows(result: dict[str, Any], judged: bool) -> Iterator[tuple[str, ...]]:
    """Give the lines of one work; where sizes are small no limit is judged."""
    for number, entry in enumerate(result["by"]):
        name = " ".join([entry["name"], *entry["versions"].values()])
        first = result["what"] if number == 0 else ""
        if "failed" in entry:
            yield first, name, "failed", "", "", "", "", entry["failed"].split("\n")[-1][:60]
            continue
        ratio = entry.get("ratio")
        said = []
        limit = ""
        if entry.get("limit"):
            limit = f"≤ {entry['limit']:.2f}"
            said += [verdict(ratio["median"] <= entry["limit"])] if judged else []
        if number == 0 and result["memory"]:
            limit = f"≤ {result['memory']:.0f} MiB"
            said += [verdict(entry["peak"]["median"] <= result["memory"])] if judged else []
        if entry.get("answers") not in (False, None, "agree"):
            said.append(f"answers differ: {entry['answers']}")
        yield (
            first,
            name,
            shown(entry["wall"], 3),
            f"{entry['cpu']['median']:.3f}",
            f"{entry['peak']['median']:.0f}",
            shown(ratio, 2) if ratio else "",
            limit,
            ", ".join(said),
        )


def verdict(held: bool) -> str:
    return "ok" if held else "over"


def shown(values: dict[str, float], digits: int) -> str:
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}–{values['max']:.{digits}f})"


def title(report: dict[str, Any]) -> str:
    on = report["machine"]
    return (
        f"densecli {on.get('densecli', '?')}, NumPy {on.get('numpy', '?')}, Python {on['python']}, "
        f"{on['cores']} cores ({on['cpu']}), {on['memory']:.0f} GB, {on['system']}; "
        f"{report['runs']} runs, median (min–max)"
        + ("; small sizes, so no limit is judged" if report["quick"] else "")
    )


def print_text(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_markdown(report: dict[str, Any]) -> None:
    print(title(report) + ".\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---|---|" + "---:|" * 4 + "---|---|")
    for result in report["workloads"]:
        for line in rows(result, not report["quick"]):
            print(f"| {' | '.join(line)} |")


# --- the command ---------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = [w.name for w in (*WORKLOADS, *GROWTH)]
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds that are counted")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="an interpreter that has peers installed",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument(
        "--growth", action="store_true", help="one size after another doubled, in place of the works"
    )
    parser.add_argument("--output", metavar="FILE", help="write all numbers to a JSON file")
    parser.add_argument(
        "--markdown", metavar="FILE", help="print the table of such a file, and measure nothing"
    )
    options = parser.parse_args()

    if options.markdown:
        print_markdown(json.loads(Path(options.markdown).read_text()))
        return
    chosen = [w for w in (*WORKLOADS, *GROWTH) if w.name in options.only] if options.only else None
    report: dict[str, Any] = {
        "machine": machine(),
        "runs": options.runs,
        "quick": options.quick,
        "workloads": [],
    }
    pythons = [*options.python, sys.executable]
    with tempfile.TemporaryDirectory(prefix="densecli-benchmarks-") as folder:
        for workload in chosen or (GROWTH if options.growth else WORKLOADS):
            print(f"{workload.name} …", file=sys.stderr, flush=True)
            result = run(workload, options.runs, pythons, options.quick, Path(folder))
            report["workloads"].append(result)
            if options.output:  # after each, so that what was measured stays when a later one fails
                Path(options.output).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(title(report) + "\n")
    print_text(
        [COLUMNS, *(line for result in report["workloads"] for line in rows(result, not options.quick))]
    )


if __name__ == "__main__":
    main()
