"""Make an input in the current folder: ``data.py KIND SIZE…``.

Every kind but ``tiny``, ``saved_model`` and outputs makes a trained layer too: head.npz for densecli, and
the same kernel.npy and bias.npy for the scripts; ``sentences`` and ``dense_layers`` make a model:
model.keras.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import orjson

rng = np.random.default_rng(0)


def layer(features, units):
    """Make a layer whose logits spread as a trained one's do."""
    kernel = rng.standard_normal((features, units), np.float32) * np.float32(2 / features**0.5)
    bias = rng.standard_normal(units, np.float32) * np.float32(0.1)
    np.savez("head.npz", kernel=kernel, bias=bias)
    np.save("kernel.npy", kernel)
    np.save("bias.npy", bias)
    return kernel, bias


def tiny():
    with open("x.json", "wb") as file:
        file.write(b"[[1, 6, 8], [8, 9, 10]]")


def head(rows, features, units):
    kernel, bias = layer(features, units)
    np.save("x.npy", rng.standard_normal((rows, features), np.float32))
    try:
        import onnx  # noqa: F401
    except ImportError:
        return
    for work in ("top", "classes", "probabilities"):
        onnx_model(work, kernel, bias)


def onnx_model(work, kernel, bias):
    """Write the layer as an ONNX model that ends with what the work asks for."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("Gemm", ["x", "kernel", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    weights = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", len(bias)])
    if work == "top":
        nodes.append(helper.make_node("TopK", ["probabilities", "k"], ["top", "top_classes"], axis=1))
        weights.append(numpy_helper.from_array(np.array([5], np.int64), "k"))
        output = helper.make_tensor_value_info("top", TensorProto.FLOAT, ["rows", 5])
    elif work == "classes":
        nodes.append(helper.make_node("ArgMax", ["probabilities"], ["classes"], axis=1, keepdims=0))
        output = helper.make_tensor_value_info("classes", TensorProto.INT64, ["rows"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", len(kernel)])
    graph = helper.make_graph(nodes, "head", [x], [output], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{work}.onnx")


def sparse(rows, features, units):
    """Make a header and a hole: zeros that take no room on the disk and are read like any others."""
    layer(features, units)
    with open("x.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, features)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * features * 4)


def rows(count, features, units):
    layer(features, units)
    x = np.lib.format.open_memmap("x.npy", "w+", np.float32, (count, features))
    for i in range(0, count, 4096):
        x[i : i + 4096] = rng.standard_normal(x[i : i + 4096].shape, np.float32)


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def two_outputs(count, classes):
    """Make the distributions of a layer and of a copy that departs a little from it."""
    logits = 2 * rng.standard_normal((count, classes), np.float32)
    np.save("a.npy", softmax(logits))
    np.save("b.npy", softmax(logits + np.float32(1e-3) * rng.standard_normal(logits.shape, np.float32)))


def labelled_outputs(samples, time, classes):
    y = softmax(2 * rng.standard_normal((samples, time, classes), np.float32))
    np.save("y.npy", y[:, 0] if time == 1 else y)
    with open("labels.txt", "w") as file:
        file.write("\n".join(f"label{i}" for i in range(classes)))


def saved_model(layers, features, units):
    """Make weights as Keras 3 saves them, whose kernels are holes: of a listing nobody reads them."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File("m.weights.h5", "w") as root:
        for i in range(layers):
            group = root.create_group(f"layers/dense_{i}/vars" if i else "layers/dense/vars")
            group.attrs["name"] = f"dense_{i}"
            space = h5py.h5s.create_simple((features, units))
            h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, plan)
            group["1"] = np.zeros(units, np.float32)


def lines(rows, features, units):
    layer(features, units)
    with open("x.jsonl", "wb") as file:
        for row in rng.standard_normal((rows, features), np.float32):
            file.write(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")


def document(rows, features, units):
    layer(features, units)
    with open("x.json", "wb") as file:
        x = rng.standard_normal((rows, features), np.float32)
        file.write(orjson.dumps(x, option=orjson.OPT_SERIALIZE_NUMPY))


def steps(batch, time, features, units):
    layer(features, units)
    np.save("x.npy", rng.standard_normal((batch, time, features), np.float32))


def sentences(count):
    """Make one-hot sentences of five words for the translation model among the samples."""
    shutil.copy(Path(__file__).parent.parent / "samples" / "translate.keras", "model.keras")
    np.save("x.npy", np.eye(32, dtype=np.float32)[rng.integers(0, 32, (count, 5))])


def dense_layers(rows, features, units, layers, classes):
    """Make a model of ``layers`` ReLU layers and a softmax, and its kernels for the script."""
    from dense_cli.layers import Dense, Input
    from dense_cli.models import Sequential

    hidden = [Dense(units, "relu", kernel_initializer="he_normal") for _ in range(layers)]
    model = Sequential([Input((features,)), *hidden, Dense(classes, "softmax")])
    model.save("model.keras")
    np.savez("kernels.npz", *model.get_weights()[::2])
    np.save("x.npy", rng.standard_normal((rows, features), np.float32))


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
