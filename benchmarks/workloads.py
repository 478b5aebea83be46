"""What is measured: for each work its input, densecli's arguments, its peers and the limits.

Every process runs in the folder that holds the input. ``{out}`` in its arguments is the file that it
writes; where there is none, its standard output is that file.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peer:
    """Something else that does the work, or a part of it.

    ``needs`` are the modules that it wants to find in an interpreter; without any it runs with
    densecli's own. ``limit`` is the most that densecli's wall time may be of its wall time.
    """

    name: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    limit: float | None = None
    answers: bool = True  # whether it writes answers that can be compared


@dataclass(frozen=True)
class Data:
    """An input: the function of data.py that makes it, its sizes, and its sizes when in a hurry."""

    kind: str
    sizes: tuple[int, ...] = ()
    quick: tuple[int, ...] = ()


@dataclass(frozen=True)
class Workload:
    """A row of the report; ``memory`` is the most that densecli's peak may be, in MiB."""

    name: str
    what: str
    data: Data
    densecli: tuple[str, ...]
    peers: tuple[Peer, ...]
    out: str = "txt"  # suffix of what is written
    stdin: str | None = None
    memory: float | None = None


def bare(limit: float | None) -> Peer:
    return Peer("bare product", ("bare.py",), limit=limit, answers=False)


def keras(script: str, *arguments: str) -> tuple[Peer, ...]:
    """Return a script in Keras on each of its backends."""
    return tuple(
        Peer(
            f"Keras ({backend})",
            (script, *arguments, "{out}"),
            ("keras", *modules),
            {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        )
        for backend, modules in (
            ("numpy", ()),
            ("jax", ("jax",)),
            ("tensorflow", ("tensorflow",)),
            ("torch", ("torch",)),
        )
    )


def frameworks(work: str) -> tuple[Peer, ...]:
    """Return PyTorch, ONNX Runtime and Keras on each of its backends."""
    return (
        Peer("PyTorch", ("torch_head.py", work, "{out}"), ("torch",)),
        Peer("ONNX Runtime", ("onnxruntime_head.py", work, "{out}"), ("onnxruntime",)),
        *keras("keras_head.py", work),
    )


def numpy(work: str, limit: float | None = None) -> Peer:
    return Peer("NumPy script", ("numpy_head.py", work, "{out}"), limit=limit)


HEAD = Data("head", (2048, 384, 30522), (256, 64, 30522))
HEAD_MEMORY = 384 * 30522 * 4 / 2**20 + 150
PREDICT = ("predict", "x.npy", "-w", "head.npz")
MODEL = ("predict", "x.npy", "-m", "model.keras", "-o", "{out}")


def sentences(count: int) -> Workload:
    """Return a translation model on sentences, whose memory does not grow with their number."""
    return Workload(
        f"translate-{count}",
        f"{count:,} sentences through a GRU translation model, NPY",
        Data("sentences", (count,), (min(count, 2000),)),
        MODEL,
        keras("keras_model.py"),
        out="npy",
        memory=100,
    )


def dense_layers(
    name: str, what: str, sizes: tuple[int, ...], quick: tuple[int, ...], peers: tuple[Peer, ...]
) -> Workload:
    """Return a model of dense layers: rows, features, units, layers and classes are its sizes."""
    return Workload(name, what, Data("dense_layers", sizes, quick), MODEL, peers, out="npy")


def read(limit: float | None) -> Peer:
    return Peer("the file's bytes, import click, h5py, numpy", ("bare_read.py",), limit=limit, answers=False)


WORKLOADS = (
    Workload(
        "help",
        "densecli --help",
        Data("tiny"),
        ("--help",),
        (Peer("import click", ("-c", "import click"), limit=1.3, answers=False),),
    ),
    Workload(
        "tiny",
        "2×3 JSON → 4 classes, table",
        Data("tiny"),
        ("predict", "x.json", "-u", "4"),
        (
            Peer(
                "import orjson, click, numpy, rich",
                ("-c", "import orjson, click, numpy, rich.console, rich.table"),
                limit=1.15,
                answers=False,
            ),
        ),
    ),
    Workload(
        "top5-npy",
        "2048×384 → top 5 of 30522, NPY",
        HEAD,
        (*PREDICT, "-k", "5", "-o", "{out}"),
        (bare(1.2), numpy("top"), *frameworks("top")),
        out="npy",
        memory=HEAD_MEMORY,
    ),
    Workload(
        "top5-jsonl",
        "2048×384 → top 5 of 30522, JSON Lines",
        HEAD,
        (*PREDICT, "-k", "5", "-o", "{out}"),
        (bare(1.2), numpy("top")),
        out="jsonl",
        memory=HEAD_MEMORY,
    ),
    Workload(
        "top5-table",
        "2048×384 → top 5 of 30522, table",
        HEAD,
        (*PREDICT, "-k", "5"),
        (bare(1.2),),
        memory=HEAD_MEMORY,
    ),
    Workload(
        "classes",
        "2048×384 → class among 30522, NPY",
        HEAD,
        (*PREDICT, "--show", "classes", "-o", "{out}"),
        (bare(1.1), numpy("classes"), *frameworks("classes")),
        out="npy",
    ),
    Workload(
        "probabilities",
        "2048×384 → all 30522 probabilities, NPY",
        HEAD,
        (*PREDICT, "-o", "{out}"),
        (bare(None), numpy("probabilities", 1.0), *frameworks("probabilities")),
        out="npy",
        memory=HEAD_MEMORY,
    ),
    Workload(
        "larger-than-memory",
        "4,000,000×512 (8 GB, sparse) → 16 classes, NPY",
        Data("sparse", (4_000_000, 512, 16), (100_000, 512, 16)),
        (*PREDICT, "-o", "{out}"),
        (
            # At least 0.8 times the rows a second.
            Peer("bare blocked product", ("bare_blocks.py",), limit=1 / 0.8, answers=False),
            Peer("NumPy script, blocked", ("numpy_blocks.py", "{out}")),
        ),
        out="npy",
        memory=250,
    ),
    Workload(
        "heads",
        "heads of a .weights.h5 of 4 × 16,384×8,192 (2 GB, sparse), JSON",
        Data("saved_model", (4, 16_384, 8_192), (4, 256, 128)),
        ("heads", "m.weights.h5", "-f", "json"),
        (
            Peer(
                "import orjson, click, numpy, h5py",
                ("-c", "import orjson, click, numpy, h5py"),
                limit=1.3,
                answers=False,
            ),
        ),
        out="json",
        memory=100,
    ),
    Workload(
        "jsonl-pipe",
        "JSON Lines pipe, 200,000×32 → 10 classes, JSON Lines",
        Data("lines", (200_000, 32, 10), (10_000, 32, 10)),
        ("predict", "-", "-w", "head.npz", "-f", "jsonl"),
        (
            Peer("orjson.loads, orjson.dumps", ("orjson_lines.py",), limit=2, answers=False),
            Peer("NumPy script, 1024 lines at once", ("numpy_lines.py",)),
        ),
        out="jsonl",
        stdin="x.jsonl",
    ),
    Workload(
        "json",
        "JSON 100,000×32 → 10 classes, JSON",
        Data("document", (100_000, 32, 10), (5_000, 32, 10)),
        ("predict", "x.json", "-w", "head.npz", "-o", "{out}"),
        (
            Peer(
                "orjson.loads, np.array, orjson.dumps",
                ("orjson_document.py", "{out}"),
                limit=1.5,
                answers=False,
            ),
            Peer("NumPy script", ("numpy_document.py", "{out}")),
        ),
        out="json",
    ),
    Workload(
        "slice",
        "step 3 of (20000, 50, 64) NPY → 10 classes, NPY",
        Data("steps", (20_000, 50, 64, 10), (1_000, 50, 64, 10)),
        ("slice", "x.npy", "-t", "3", "-w", "head.npz", "-o", "{out}"),
        (
            Peer("bare product of the mapped step", ("bare_step.py",), limit=1.3, answers=False),
            Peer("NumPy script", ("numpy_step.py", "{out}")),
        ),
        out="npy",
    ),
    *map(sentences, (20, 20_000, 100_000)),
    dense_layers(
        "mlp",
        "100,000×784 through an MLP of 784-512-512-10, NPY",
        (100_000, 784, 512, 2, 10),
        (10_000, 784, 512, 2, 10),
        (Peer("bare products", ("bare_mlp.py",), limit=1.2, answers=False), *keras("keras_model.py")),
    ),
    dense_layers(
        "load-large",
        "1 row through a model of 100 MB, NPY",
        (1, 2048, 2048, 6, 10),
        (1, 512, 512, 6, 10),
        (read(2), *keras("keras_model.py")),
    ),
    dense_layers(
        "load-deep",
        "1 row through a model of 2000 layers, NPY",
        (1, 4, 4, 2000, 10),
        (1, 4, 4, 200, 10),
        (read(None),),  # Keras takes more than 100 s
    ),
)


def _growth() -> tuple[Workload, ...]:
    """Return top 5 with one size after another doubled, and JSON Lines with more and more rows."""
    rows = [(n, 384, 8192) for n in (1024, 2048, 4096, 8192)]
    features = [(2048, n, 8192) for n in (192, 384, 768, 1536)]
    units = [(2048, 384, n) for n in (4096, 8192, 16384, 32768)]
    sizes = list(dict.fromkeys(rows + features + units))
    heads = [
        Workload(
            f"top5 {n}×{f}→{u}",
            f"{n}×{f} → top 5 of {u}, NPY",
            Data("head", (n, f, u), (n // 8, f, u)),
            (*PREDICT, "-k", "5", "-o", "{out}"),
            (bare(None),),
            out="npy",
        )
        for n, f, u in sizes
    ]
    lines = [
        Workload(
            f"jsonl-pipe {n}",
            f"JSON Lines pipe, {n:,}×32 → 10 classes, JSON Lines",
            Data("lines", (n, 32, 10), (n // 10, 32, 10)),
            ("predict", "-", "-w", "head.npz", "-f", "jsonl"),
            (Peer("orjson.loads, orjson.dumps", ("orjson_lines.py",), answers=False),),
            out="jsonl",
            stdin="x.jsonl",
        )
        for n in (50_000, 100_000, 200_000, 400_000)
    ]
    return (*heads, *lines)


GROWTH = _growth()
