"""Measure densecli and its peers side by side, each run a process of its own.

    python benchmarks/run.py --output results.json
    python benchmarks/run.py --quick --only top5-npy --python ~/keras/bin/python
    python benchmarks/run.py --markdown results.json
    python benchmarks/run.py --check

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
BUSY = 0.5  # the load of each core, above which what is measured is not densecli
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
            entry |= {"limit": peer.limit, "cpu_limit": peer.cpu_limit, "answers": peer.answers}
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
        for name, key in (("ratio", "wall"), ("cpu_ratio", "cpu")):
            pairs = zip(ours["runs"], entry["runs"], strict=True)
            entry[name] = spread([a[key] / b[key] for a, b in pairs])
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
    document = {"name": workload.name, "what": what, "memory": workload.memory, "by": entries}
    return document | ({"growth": workload.growth} if workload.growth else {})


def spread(values: list[float]) -> dict[str, float]:
    """Return median, min and max."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


# --- the report ----------------------------------------------------------------------------------

COLUMNS = ("work", "by", "wall s", "CPU s", "peak MiB", "densecli ÷ it", "CPU ÷ its", "limit", "")


def rows(result: dict[str, Any], judged: bool) -> Iterator[tuple[str, ...]]:
    """Give the lines of one work; where no limit is judged, none is said to be held."""
    for number, entry in enumerate(result["by"]):
        name = " ".join([entry["name"], *entry["versions"].values()])
        first = result["what"] if number == 0 else ""
        if "failed" in entry:
            yield first, name, *[""] * 6, "failed: " + entry["failed"].split("\n")[-1][:60]
            continue
        limits = limits_of(result, entry, ours=number == 0)
        said = [verdict(held) for _, held in limits] if judged else []
        if entry.get("answers") not in (False, None, "agree"):
            said.append(f"answers differ: {entry['answers']}")
        ratio, cpu_ratio = entry.get("ratio"), entry.get("cpu_ratio")
        yield (
            first,
            name,
            shown(entry["wall"], 3),
            f"{entry['cpu']['median']:.3f}",
            f"{entry['peak']['median']:.0f}",
            shown(ratio, 2) if ratio else "",
            shown(cpu_ratio, 2) if cpu_ratio else "",
            ", ".join(limit for limit, _ in limits),
            ", ".join(said),
        )


def limits_of(result: dict[str, Any], entry: dict[str, Any], *, ours: bool) -> list[tuple[str, bool]]:
    """Return the limits of a line, and whether the medians hold them."""
    if ours:
        most = result["memory"]
        return [(f"≤ {most:.0f} MiB", entry["peak"]["median"] <= most)] if most else []
    limits = []
    for of, ratio in (("limit", "ratio"), ("cpu_limit", "cpu_ratio")):
        if entry.get(of):
            what = "CPU " if of == "cpu_limit" else ""
            limits.append((f"{what}≤ {entry[of]:.2f}", entry[ratio]["median"] <= entry[of]))
    return limits


def is_over(result: dict[str, Any]) -> bool:
    """Whether a work passes a limit, gives other answers, or fails."""
    return any(line[-1] not in ("", "ok", "ok, ok") for line in rows(result, judged=True))


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
        + (f"; {report['unjudged']}, so no limit is judged" if report["unjudged"] else "")
    )


def print_text(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_markdown(report: dict[str, Any]) -> None:
    print(title(report) + ".\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---|---|" + "---:|" * 5 + "---|---|")
    for result in report["workloads"]:
        for line in rows(result, not report["unjudged"]):
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
        "--growth", action="store_true", help="one size after another grows tenfold, in place of the works"
    )
    parser.add_argument("--output", metavar="FILE", help="write all numbers to a JSON file")
    parser.add_argument(
        "--markdown", metavar="FILE", help="print the table of such a file, and measure nothing"
    )
    parser.add_argument(
        "--check", action="store_true", help="exit 1 where a limit is passed, 2 where none can be judged"
    )
    options = parser.parse_args()

    if options.markdown:
        print_markdown(json.loads(Path(options.markdown).read_text()))
        return
    chosen = [w for w in (*WORKLOADS, *GROWTH) if w.name in options.only] if options.only else None
    report: dict[str, Any] = {
        "machine": machine(),
        "runs": options.runs,
        "unjudged": "",
        "workloads": [],
    }
    if report["machine"]["load"] > BUSY * report["machine"]["cores"]:
        report["unjudged"] = f"the machine was busy (load {report['machine']['load']})"
    if options.quick:
        report["unjudged"] = "small sizes"
    if options.check and report["unjudged"]:
        print(f"{report['unjudged']}: no limit can be judged", file=sys.stderr)
        sys.exit(2)
    pythons = [*options.python, sys.executable]
    with tempfile.TemporaryDirectory(prefix="densecli-benchmarks-") as folder:
        for workload in chosen or (GROWTH if options.growth else WORKLOADS):
            print(f"{workload.name} …", file=sys.stderr, flush=True)
            result = run(workload, options.runs, pythons, options.quick, Path(folder))
            report["workloads"].append(result)
            if options.output:  # after each, so that what was measured stays when a later one fails
                Path(options.output).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(title(report) + "\n")
    print_text([COLUMNS, *(line for r in report["workloads"] for line in rows(r, not report["unjudged"]))])
    over = [result["name"] for result in report["workloads"] if is_over(result)]
    if options.check and over:
        print(f"over: {', '.join(over)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
