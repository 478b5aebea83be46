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
    densecli's own. ``limit`` is the most that densecli's wall time may be of its wall time, ``cpu_limit`` the
    most that its CPU time may be of its CPU time.
    """

    name: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    limit: float | None = None
    cpu_limit: float | None = None
    answers: bool = True  # whether it writes answers that can be compared


@dataclass(frozen=True)
class Data:
    """An input: the function of data.py that makes it, its sizes, and its sizes when in a hurry."""

    kind: str
    sizes: tuple[int, ...] = ()
    quick: tuple[int, ...] = ()


@dataclass(frozen=True)
class Workload:
    """A row of the report.

    ``memory`` is the most that densecli's peak may be, in MiB; ``growth`` names what grows, and how far.
    """

    name: str
    what: str
    data: Data
    densecli: tuple[str, ...]
    peers: tuple[Peer, ...]
    out: str = "txt"  # suffix of what is written
    stdin: str | None = None
    memory: float | None = None
    growth: tuple[str, int] | None = None


def bare(limit: float | None) -> Peer:
    return Peer("bare product", ("bare.py",), limit=limit, answers=False)


ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def floor(limit: float | None, threads: int = 2) -> Peer:
    arguments = ("floor_head.py", str(threads))
    return Peer("fused pass alone", arguments, env=ONE_BLAS_THREAD, limit=limit, answers=False)


def kept_buffer() -> Peer:
    return Peer("NumPy script, kept buffers", ("kept_buffer.py", "{out}"), env=ONE_BLAS_THREAD)


def kernel(rng: str, initializer: str, generator: str, distribution: str) -> Workload:
    """Return a seeded kernel, beside NumPy's own generator of the same kind."""
    return Workload(
        f"kernel-{rng}-{initializer}",
        f"kernel of 1000×30522 by {rng}, {initializer}, NPZ",
        Data("tiny"),
        (
            "init",
            "-i",
            "1000",
            "-u",
            "30522",
            "--rng",
            rng,
            "--kernel-initializer",
            initializer,
            "-o",
            "{out}",
        ),
        (
            Peer(
                f"NumPy's {generator}, {distribution}",
                ("numpy_kernel.py", generator, distribution, "{out}"),
                limit=3,
                answers=False,
            ),
        ),
        out="npz",
    )


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
        (floor(1.08), bare(1.2), numpy("top")),
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
        (floor(1.05), bare(1.1), numpy("classes"), *frameworks("classes")),
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
            # At least 0.75 times the rows a second.
            Peer("bare blocked product", ("bare_blocks.py",), limit=1 / 0.75, answers=False),
            kept_buffer(),
            Peer("NumPy script, blocked", ("numpy_blocks.py", "{out}")),
        ),
        out="npy",
        memory=250,
    ),
    Workload(
        "rows",
        "1,000,000×512 (2 GB) → 16 classes, NPY",
        Data("rows", (1_000_000, 512, 16), (50_000, 512, 16)),
        (*PREDICT, "-o", "{out}"),
        (Peer("bare blocked product", ("bare_blocks.py",), limit=1.25, answers=False), kept_buffer()),
        out="npy",
        memory=150,
    ),
    Workload(
        "narrow",
        "20,000,000×4 → 3 classes, NPY",
        Data("rows", (20_000_000, 4, 3), (1_000_000, 4, 3)),
        (*PREDICT, "-o", "{out}"),
        (Peer("NumPy script, blocked", ("numpy_blocks.py", "{out}"), cpu_limit=1.1),),
        out="npy",
        memory=100,
    ),
    Workload(
        "compare",
        "compare of two 300,000×64",
        Data("two_outputs", (300_000, 64), (10_000, 64)),
        ("compare", "a.npy", "b.npy", "--max-flips", "300000"),
        (Peer("NumPy script, blocked", ("numpy_compare.py",), cpu_limit=1.3, answers=False),),
        memory=100,
    ),
    Workload(
        "decode",
        "decode of 500,000 samples of 5 steps among 20 labels",
        Data("labelled_outputs", (500_000, 5, 20), (20_000, 5, 20)),
        ("decode", "y.npy", "--labels", "labels.txt", "-o", "{out}"),
        (Peer("NumPy script, blocked", ("numpy_decode.py", "{out}"), cpu_limit=1.5, answers=False),),
        memory=100,
    ),
    Workload(
        "info",
        "info of 40,000×1000 (160 MB) NPY",
        Data("rows", (40_000, 1000, 2), (2_000, 1000, 2)),
        ("info", "x.npy"),
        (Peer("NumPy script, blocked", ("numpy_info.py",), cpu_limit=2, answers=False),),
        memory=100,
    ),
    Workload(
        "table",
        "20,000 distributions among 10 classes, table of all",
        Data("labelled_outputs", (20_000, 1, 10), (1_000, 1, 10)),
        ("predict", "y.npy", "--all"),
        (
            Peer(
                "densecli, CSV",
                ("-m", "dense_cli", "predict", "y.npy", "-f", "csv"),
                cpu_limit=5,
                answers=False,
            ),
        ),
        memory=100,
    ),
    kernel("numpy", "RandomUniform", "PCG64", "random"),
    kernel("numpy", "RandomNormal", "PCG64", "standard_normal"),
    kernel("numpy", "TruncatedNormal", "PCG64", "standard_normal"),
    kernel("jax", "RandomUniform", "Philox", "random"),
    kernel("jax", "RandomNormal", "Philox", "standard_normal"),
    kernel("jax", "TruncatedNormal", "Philox", "standard_normal"),
    kernel("tensorflow", "RandomUniform", "Philox", "random"),
    kernel("tensorflow", "RandomNormal", "Philox", "standard_normal"),
    kernel("tensorflow", "TruncatedNormal", "Philox", "standard_normal"),
    kernel("torch", "RandomUniform", "MT19937", "random"),
    kernel("torch", "RandomNormal", "MT19937", "standard_normal"),
    kernel("torch", "TruncatedNormal", "MT19937", "standard_normal"),
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
            Peer("orjson.loads, orjson.dumps", ("orjson_lines.py",), limit=1.4, answers=False),
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
            Peer("bare product of the mapped step", ("bare_step.py",), limit=1.25, answers=False),
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
    """Return works of which one size grows tenfold, and threads, each beside its floor."""
    to_npy = (*PREDICT, "-o", "{out}")
    rows = [
        Workload(
            f"rows-{n}",
            f"{n:,}×4 (sparse) → 4 classes, NPY",
            Data("sparse", (n, 4, 4), (min(n, 100_000), 4, 4)),
            to_npy,
            (kept_buffer(),),
            out="npy",
            growth=("rows", n),
        )
        for n in (10**e for e in range(3, 9))
    ]
    classes = [
        Workload(
            f"classes-{n}",
            f"256×32 → top 5 of {n:,}, NPY",
            Data("rows", (256, 32, n), (256, 32, min(n, 10_000))),
            (*PREDICT, "-k", "5", "-o", "{out}"),
            (floor(None),),
            out="npy",
            growth=("classes", n),
        )
        for n in (10**e for e in range(1, 7))
    ]
    steps = [
        Workload(
            f"steps-{n}",
            f"each step of (200, {n:,}, 16) → 10 classes, NPY",
            Data("steps", (200, n, 16, 10), (200, min(n, 100), 16, 10)),
            ("slice", "x.npy", "-w", "head.npz", "-o", "{out}"),
            (Peer("NumPy script, step by step", ("numpy_steps.py", "{out}")),),
            out="npy",
            growth=("steps", n),
        )
        for n in (10**e for e in range(5))
    ]
    threads = [
        Workload(
            f"threads-{n}",
            f"2048×384 → top 5 of 30522 in {n} {'thread' if n == 1 else 'threads'}, NPY",
            Data("rows", (2048, 384, 30522), (256, 64, 30522)),
            (*PREDICT, "-k", "5", "--threads", str(n), "-o", "{out}"),
            (floor(None, n),),
            out="npy",
            growth=("threads", n),
        )
        for n in (1, 2)
    ]
    return (*rows, *classes, *steps, *threads)


GROWTH = _growth()
