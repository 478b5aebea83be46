"""What `heads` finds in the model files of published packages, and whether the numbers are their libraries':
``python benchmarks/packages.py FOLDER``.

The packages are downloaded into FOLDER (pip, and npm for one of them) unless they are there, and unpacked;
nothing of them is installed or run. Every head gets random hidden states through ``densecli predict -w FILE
--head NAME``. The same go through ONNX Runtime, from the value before the head's product to those after it;
through PyTorch, with the tensors that it loads; or through NumPy. Packages that cannot be had are said, and
files whose library is not installed (``pip install torch onnxruntime``).
"""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from click.testing import CliRunner

from dense_cli.cli.main import cli
from dense_cli.errors import DenseCliError
from dense_cli.heads import heads
from dense_cli.heads.head import Head

PYPI = (
    *("magika==1.0.3", "rapidocr-onnxruntime==1.4.4", "speechmos==0.0.1.1", "ddddocr==1.6.1"),
    *("mne-icalabel==0.10.0", "pythainlp==5.4.0", "resemblyzer==0.1.4", "chgnet==0.4.2", "admet-ai==2.0.1"),
    *("lpips==0.1.4", "tiara==1.0.2", "g2p-en==2.1.0"),
)
NPM = ("@vladmandic/face-api@1.7.15",)
MODELS = (".onnx", ".pt", ".pth", ".pth.tar", ".pkl", ".npz", "-weights_manifest.json")
CLOSE = 5e-5  # of the largest number of a head's output
ACTIVATIONS = {
    "Relu",
    "Sigmoid",
    "Tanh",
    "Softmax",
    "LeakyRelu",
    "Elu",
    "Selu",
    "HardSigmoid",
    "Softplus",
    "Gelu",
}
# What changes numbers one by one, or along the units: nodes after which a head may end.
FOLLOWED = (
    ACTIVATIONS
    | {"Add", "Sub", "Mul", "Div", "Identity", "Cast", "Reshape", "Transpose", "Squeeze"}
    | {
        *(
            "Unsqueeze",
            "Exp",
            "Log",
            "Erf",
            "Pow",
            "Sqrt",
            "Clip",
            "Min",
            "Max",
            "ReduceMax",
            "ReduceSum",
            "Neg",
        ),
        *(
            "PRelu",
            "LogSoftmax",
            "Celu",
            "Softsign",
            "HardSwish",
            "QuickGelu",
            "BiasGelu",
            "DequantizeLinear",
        ),
    }
)
STEPS = 10

RNG = np.random.default_rng(0)


class Value(NamedTuple):
    """What a library gives for a head: a name, the numbers, and what must not follow it unseen."""

    name: str
    numbers: np.ndarray
    followed_by: str = ""


Peer = Callable[[Head, Path], tuple[np.ndarray, list[Value]]]


# --- getting the files ------------------------------------------------------------------------------------


def download(folder: Path) -> None:
    """Put the packages into a folder, and what is in them beside them."""
    for name in PYPI:
        stem = name.partition("==")[0].replace("-", "_").lower()
        if not any(path.name.lower().startswith(stem) for path in folder.glob("*.whl")):
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), name]
            say_missing(name, subprocess.run(command, capture_output=True, check=False).returncode)
    for name in NPM:
        if not list(folder.glob("*.tgz")):
            try:
                done = subprocess.run(["npm", "pack", name], cwd=folder, capture_output=True, check=False)
                say_missing(name, done.returncode)
            except FileNotFoundError:
                say_missing(name, 1)
    for path in sorted(folder.glob("*.whl")):
        inside = folder / "unpacked" / path.name.partition("-")[0].lower()
        if not inside.exists():
            zipfile.ZipFile(path).extractall(inside)
    for path in sorted(folder.glob("*.tgz")):
        inside = folder / "unpacked" / "face_api"
        if not inside.exists():
            tarfile.open(path).extractall(inside, filter="data")


def say_missing(name: str, code: int) -> None:
    """Say which package could not be had."""
    if code:
        print(f"{name}: cannot be downloaded: left out", file=sys.stderr)


def model_files(folder: Path) -> list[Path]:
    """Return the files of models, of every package."""
    return sorted(path for path in (folder / "unpacked").rglob("*") if path.name.endswith(MODELS))


# --- densecli ---------------------------------------------------------------------------------------------


def predict(x: np.ndarray, file: Path, head: Head, *options: str) -> np.ndarray | str:
    """Return what the command line gives for hidden states, or the error that it ends in."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as hidden:
        np.save(hidden, x)
        hidden.flush()
        args = ["predict", hidden.name, "-w", str(file), "--head", head.path, "-f", "npy", *options]
        ran = CliRunner().invoke(cli, args)
    if ran.exit_code:
        return ran.stderr.partition("Error: ")[2].split("\n")[0]
    return np.load(io.BytesIO(ran.stdout_bytes))


def shown(head: Head) -> tuple[str, ...]:
    """Return the options with which a head is compared: an activation where the file states none."""
    stated = head.activation is not None and head.activation_refusal is None
    layout = ("--no-transpose",) if head.layout_refusal is not None else ()
    return (*(() if stated else ("-a", "linear")), *layout)


# --- the libraries ----------------------------------------------------------------------------------------


class Onnx:
    """A graph, of which the part after a head's input is run."""

    def __init__(self, file: Path) -> None:
        import onnx

        self.onnx = onnx
        self.model = onnx.load(str(file))
        graph = self.model.graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.outputs = {value.name for value in graph.output}
        self.made = {output: node for node in graph.node for output in node.output if output}
        self.users: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inferred = onnx.shape_inference.infer_shapes(self.model).graph
        values = [*inferred.value_info, *inferred.input, *inferred.output]
        self.ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in values}

    def __call__(self, head: Head, file: Path) -> tuple[np.ndarray, list[Value]]:
        """Return hidden states as densecli takes them, and the values after the head's product."""
        node = self._node(head)
        kernel = next(at for at, name in enumerate(node.input[:2]) if self._closed(name, ""))
        source = node.input[1 - kernel]
        if node.op_type == "MatMulInteger":
            source = self.made[source].input[0]
        axis = 1 if node.op_type == "Conv" else -2 if kernel == 0 else -1
        if node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute):
            axis = 0
        names = [node.output[0], *self._after(node.output[0], source)]
        if head.output and not self.outputs & set(names):  # what follows needs to know the model's input
            names = [node.output[0], *self._after(node.output[0], None)]
            x, *values = self._run_whole([source, *names])
        else:
            wanted, values = names, []
            for shape in self._shapes(node, source, axis, head):
                other = RNG.standard_normal(shape).astype(np.float32)
                given = self._run(source, other, wanted)
                if len(given) > len(values):
                    x, values = other, given
            names = wanted[: len(values)]
        return np.moveaxis(x, axis, -1), [
            Value(
                name,
                np.moveaxis(value, axis, -1) if value.ndim == x.ndim else value,
                self._follows(name, head),
            )
            for name, value in zip(names, values, strict=True)
        ]

    def _shapes(self, node: Any, source: str, axis: int, head: Head) -> Iterator[list[int]]:
        """Give shapes of hidden states with the head's features, the likeliest first."""
        features = head.kernel_shape[0]
        if node.op_type == "Conv":
            weight = self.constants.get(node.input[1])
            axes = 2 if weight is None else len(weight.dims) - 2
            for sizes in product((3, 1), repeat=axes):
                yield [1, features, *sizes]
            return
        ranks = (2,) if node.op_type == "Gemm" else (self.ranks.get(source, 2) or 2, 2, 3, 4)
        for rank in dict.fromkeys(ranks):
            shape = [12] * rank
            shape[axis] = features
            yield shape

    def _run_whole(self, names: list[str]) -> list[np.ndarray]:
        """Return values of the whole graph, of random input."""
        import onnxruntime

        model = self.onnx.ModelProto()
        model.CopyFrom(self.model)
        known = {value.name for value in model.graph.output}
        model.graph.output.extend(self.onnx.ValueInfoProto(name=name) for name in names if name not in known)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        feed = {}
        for value in session.get_inputs():
            shape = [size if isinstance(size, int) else 2 for size in value.shape]
            numbers = RNG.standard_normal(shape).astype(np.float32)
            if "int" in value.type:
                dtype = value.type.removeprefix("tensor(").removesuffix(")")
                numbers = RNG.integers(0, 200, shape).astype(dtype)
            feed[value.name] = numbers
        found: list[np.ndarray] = session.run(names, feed)
        return found

    def _run(self, source: str, x: np.ndarray, names: list[str]) -> list[np.ndarray]:
        """Return as many of the values as can be had from these hidden states: others need another shape."""
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        for count in range(len(names), 0, -1):
            part = self._part(source, names[:count]).SerializeToString()
            try:
                session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
                found: list[np.ndarray] = session.run(names[:count], {source: x})
                return found
            except Exception as error:  # ONNX Runtime has its own classes for each
                if type(error).__module__.partition(".")[0] != "onnxruntime":
                    raise
        return []

    def _node(self, head: Head) -> Any:
        """Return the node that multiplies: by its name, or by its kernel's."""
        for node in self.model.graph.node:
            if node.op_type in ("MatMul", "Gemm", "Conv", "MatMulInteger", "Einsum") and (
                node.name == head.path or head.kernel.name in node.input
            ):
                return node
        op, _, number = head.path.partition("@")
        return [node for node in self.model.graph.node if node.op_type == op][int(number)]

    def _closed(self, name: str, source: str) -> bool:
        """Whether a value depends on nothing but constants and ``source``."""
        waiting, seen = [name], set()
        while waiting:
            name = waiting.pop()
            if name in ("", source) or name in self.constants or name in seen:
                continue
            seen.add(name)
            if name not in self.made:
                return False
            waiting += self.made[name].input
        return True

    def _after(self, name: str, source: str | None) -> list[str]:
        """Return values that follow; those that depend on nothing but ``source``, where it is one."""
        found: list[str] = []
        waiting = [(name, 0)]
        while waiting:
            value, steps = waiting.pop(0)
            for user in self.users.get(value, ()) if steps < STEPS else ():
                output = user.output[0]
                if user.op_type not in FOLLOWED or output in found:
                    continue
                if source is None or self._closed(output, source):
                    found.append(output)
                    waiting.append((output, steps + 1))
        return found

    def _follows(self, name: str, head: Head) -> str:
        """Return what a head that ends here has left out: an activation or a bias that comes next."""
        users = self.users.get(name, [])
        if len(users) != 1:
            return ""
        [user] = users
        others = [other for other in user.input if other != name]
        if user.op_type == "Add" and others and others[0] in self.constants:
            size = int(np.prod(self.constants[others[0]].dims))
            return "a bias" if size in (1, head.kernel_shape[1]) else ""
        return user.op_type if user.op_type in ACTIVATIONS else ""

    def _part(self, source: str, names: list[str]) -> Any:
        """Return a model from ``source`` to ``names``."""
        onnx, wanted, nodes = self.onnx, list(names), {}
        while wanted:
            name = wanted.pop()
            node = self.made.get(name)
            if name == source or node is None or id(node) in nodes:
                continue
            nodes[id(node)] = node
            wanted += node.input
        graph = self.model.graph
        used = {name for node in nodes.values() for name in node.input}
        part = onnx.helper.make_graph(
            [node for node in graph.node if id(node) in nodes],
            "part",
            [onnx.helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, None)],
            [onnx.ValueInfoProto(name=name) for name in names],
            [self.constants[name] for name in used if name in self.constants],
        )
        made = onnx.helper.make_model(part, opset_imports=self.model.opset_import)
        made.ir_version = self.model.ir_version
        return made


class _Inert:
    """Stands for what a pickle names and is no tensor."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Take what a list would take."""


class _Unpickler(pickle.Unpickler):
    """PyTorch's own classes, and inert objects for all others: no code of a package is run."""

    def find_class(self, module: str, name: str) -> Any:
        plain = {"OrderedDict", "dict", "set", "list", "tuple", "int", "float", "bool", "slice", "complex"}
        known = module.split(".")[0] in ("torch", "_codecs") or name in plain
        return super().find_class(module, name) if known else _Inert


class _Pickle:
    """What `torch.load` asks of a module of pickles."""

    Unpickler = _Unpickler
    load = staticmethod(pickle.load)


class Torch:
    """The tensors of a file as PyTorch loads them."""

    def __init__(self, file: Path) -> None:
        import torch

        self.torch = torch
        loaded = torch.load(str(file), map_location="cpu", weights_only=False, pickle_module=_Pickle)
        self.tensors = dict(self._named(loaded, ""))

    def _named(self, value: Any, name: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, self.torch.Tensor):
            yield name, value.detach().float()
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self._named(item, f"{name}.{key}" if name else str(key))

    def __call__(self, head: Head, file: Path) -> tuple[np.ndarray, list[Value]]:
        """Return hidden states, and what `torch.nn.functional.linear` makes of them."""
        weight = self._tensor(head.kernel.name)
        beside = head.kernel.name.removesuffix("weight")
        bias = self._tensor(f"{beside}bias") if beside != head.kernel.name else None
        assert weight is not None
        x = self.torch.tensor(RNG.standard_normal((4, weight.shape[1])), dtype=self.torch.float32)
        return x.numpy(), [Value("linear", self.torch.nn.functional.linear(x, weight, bias).numpy())]

    def _tensor(self, name: str) -> Any:
        name = name.replace("/", ".")
        return next((t for key, t in self.tensors.items() if key == name or key.endswith(f".{name}")), None)


class Arrays:
    """Arrays by their names: of an NPZ, or of a manifest of TensorFlow.js."""

    def __init__(self, file: Path) -> None:
        if file.suffix == ".npz":
            with np.load(file) as arrays:
                self.arrays = dict(arrays)
        else:
            self.arrays = dict(self._manifest(file))

    def _manifest(self, file: Path) -> Iterator[tuple[str, np.ndarray]]:
        for group in json.loads(file.read_text()):
            data = b"".join((file.parent / path).read_bytes() for path in group["paths"])
            at = 0
            for weight in group["weights"]:
                packed = weight.get("quantization")
                dtype = np.dtype(packed["dtype"] if packed else weight["dtype"])
                count = int(np.prod(weight["shape"]))
                numbers = np.frombuffer(data, dtype, count, at)
                at += numbers.nbytes
                if packed:
                    numbers = numbers * np.float32(packed["scale"]) + np.float32(packed["min"])
                yield weight["name"], numbers.reshape(weight["shape"])

    def __call__(self, head: Head, file: Path) -> tuple[np.ndarray, list[Value]]:
        """Return hidden states, and their product with the matrix that the bias fits."""
        weight = self.arrays[head.kernel.name]
        bias = None if head.bias is None else self.arrays[head.bias.name]
        if bias is not None and weight.shape[1] != len(bias):
            weight = weight.T
        x = RNG.standard_normal((4, weight.shape[0])).astype(np.float32)
        return x, [Value("product", x @ weight + (0 if bias is None else bias))]


def peer(file: Path) -> Any:
    """Return the library that a file is for."""
    return (
        Onnx(file)
        if file.suffix == ".onnx"
        else Arrays(file)
        if file.suffix in (".npz", ".json")
        else Torch(file)
    )


# --- side by side -----------------------------------------------------------------------------------------


@dataclass
class Count:
    """What became of the heads of a package's files."""

    files: int = 0
    found: int = 0
    agree: int = 0
    refused: int = 0
    agree_linear: int = 0
    worst: float = 0.0
    words: dict[str, int] = field(default_factory=dict)

    def say(self, words: str) -> None:
        """Take the words of a refusal, or of what differs."""
        self.words[words] = self.words.get(words, 0) + 1

    def row(self, name: str) -> str:
        """Return the row of a table."""
        words = "; ".join(f"{count} × {text}" for text, count in self.words.items())
        numbers = f"{self.files} | {self.found} | {self.agree} | {self.refused} | {self.agree_linear}"
        return f"| {name} | {numbers} | {self.worst:.0e} | {words} |"


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return how far two outputs are apart, relative to the largest number; infinity for other shapes."""
    if ours.size != theirs.size:
        return np.inf
    return float(np.abs(ours.reshape(theirs.shape) - theirs).max() / max(1e-6, np.abs(theirs).max()))


def compare(head: Head, file: Path, library: Any) -> tuple[float, str]:
    """Return how far a head is from its library's nearest value, and what is wrong, if anything is."""
    x, values = library(head, file)
    ours = predict(x, file, head, *shown(head))
    if isinstance(ours, str):
        return np.inf, ours
    apart, value = min(
        ((difference(ours, value.numbers), value) for value in values), key=lambda each: each[0]
    )
    close = 0.05 if head.remark else CLOSE  # ONNX Runtime rounds the input of a MatMulInteger to 8 bits
    wrong = f"{apart:.1e} from {value.name}" if apart > close else ""
    if not wrong and head.activation_refusal is None and value.followed_by:
        wrong = f"{value.followed_by} follows {value.name}"
    return apart, wrong


def add(file: Path, made: Count) -> None:
    """Add what becomes of every head of a file."""
    made.files += 1
    try:
        found = heads(str(file))
    except DenseCliError as error:
        made.say(str(error).removeprefix(f"{file}: ").split(":")[0])
        return
    library = peer(file)
    made.found += len(found)
    for head in found:
        why = head.refusal or head.activation_refusal
        if why is not None:
            made.refused += 1
            made.say(re.sub(r" node '.*?'", "", why))
        if head.refusal is not None:
            continue
        apart, wrong = compare(head, file, library)
        if wrong:
            made.say(f"**differs** {file.name}: {head.path}: {wrong}")
            continue
        made.worst = max(made.worst, 0.0 if head.remark else apart)
        made.agree += why is None
        made.agree_linear += why is not None


def main() -> None:
    """Print a line for each package."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    download(folder)
    packages: dict[str, Count] = {}
    for file in model_files(folder):
        name = file.relative_to(folder / "unpacked").parts[0]
        print(file.name, file=sys.stderr)
        try:
            add(file, packages.setdefault(name, Count()))
        except ImportError as error:
            packages[name].say(f"left out {file.name}, {error}")
    print("| package | files | heads | agree | refused | agree with `-a linear` | worst | words |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for name, made in packages.items():
        print(made.row(name))


if __name__ == "__main__":
    main()
