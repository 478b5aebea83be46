"""What dense_cli and real Keras make of a case of `layer_cases`, and what differs.

`arrays` draws inputs and weights and `call` runs a case. Keras is asked with `KERAS`, a program that reads
cases and arrays from one NPZ file and writes its answers to another.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from layer_cases import Case

from dense_cli import layers

KERAS = """
import json, sys, warnings
import numpy as np
import keras
from keras import layers

warnings.simplefilter("ignore")
source = np.load(sys.argv[1])
cases = json.loads(str(source["cases"]))
answers = {}
for number, case in enumerate(cases):
    def get(what, n):
        return [source[f"{number}.{what}{i}"] for i in range(n)]
    try:
        layer = getattr(layers, case["layer"])(**case["arguments"])
        inputs = get("x", case["inputs"])
        inputs = [layers.Masking()(x) if m else x for x, m in zip(inputs, case["masked"])]
        inputs = inputs if case["listed"] else inputs[0]
        layer(inputs)
        layer.set_weights(get("w", case["weights"]))
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # set_weights forgets it
        y = layer(inputs)
    except Exception as error:  # each backend has errors of its own
        case["raises"] = "TypeError" if type(error) is TypeError else "ValueError"
        continue
    case["dtype"] = keras.backend.standardize_dtype(y.dtype)
    case["config"] = layer.get_config()
    case["names"] = [w.name for w in layer.weights]
    case["trainable"] = [w.trainable for w in layer.weights]
    shapes = [(None, *x.shape[1:]) for x in (inputs if case["listed"] else [inputs])]
    case["shape"] = layer.compute_output_shape(shapes if case["listed"] else shapes[0])
    kept = keras.ops.convert_to_numpy(y)
    answers[f"{number}.y"] = kept.astype("float32") if case["dtype"] == "bfloat16" else kept
    mask = getattr(y, "_keras_mask", None)
    if mask is not None:
        answers[f"{number}.mask"] = keras.ops.convert_to_numpy(mask)
np.savez_compressed(sys.argv[2], cases=np.array(json.dumps(cases)), **answers)
"""


def arrays(cases: list[Case], seed: int) -> dict[str, np.ndarray]:
    """Return inputs and weights for the cases, by number, and count the weights in the cases."""
    draw = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for number, case in enumerate(cases):
        for i, shape in enumerate(case["shapes"]):
            x = draw.normal(size=shape).astype("float32")
            if len(shape) > 2:
                x[draw.random(shape[:2]) < 0.3] = 0
            made[f"{number}.x{i}"] = x
        try:
            layer = getattr(layers, case["layer"])(**case["arguments"])
            layer.build([tuple(s) for s in case["shapes"]] if case["listed"] else tuple(case["shapes"][0]))
        except (ValueError, TypeError):
            continue
        case["weights"] = len(layer.weights)
        for i, weight in enumerate(layer.weights):
            made[f"{number}.w{i}"] = draw.uniform(0.5, 1.5, weight.shape).astype(weight.value.dtype)
    return made


def call(case: Case, number: int, made: Any) -> tuple[Any, Any]:
    """Return the layer of a case and its output."""
    layer = getattr(layers, case["layer"])(**case["arguments"])
    inputs = [made[f"{number}.x{i}"] for i in range(case["inputs"])]
    inputs = [layers.Masking()(x) if m else x for x, m in zip(inputs, case["masked"], strict=True)]
    given = inputs if case["listed"] else inputs[0]
    layer(given)
    layer.set_weights([made[f"{number}.w{i}"] for i in range(case["weights"])])
    return layer, layer(given)


def plain_config(value: Any) -> Any:
    """Return a config with lists for tuples, without what initializers may leave out."""
    left_out = ("module", "registered_name", "input_axes", "output_axes")
    if isinstance(value, dict):
        return {k: plain_config(v) for k, v in value.items() if k not in left_out}
    return [plain_config(v) for v in value] if isinstance(value, (list, tuple)) else value


def differences(case: Case, number: int, made: Any, answers: Any) -> list[str]:
    """Return what differs between dense_cli and Keras' answer to a case."""
    if "raises" in case:
        try:
            call(case, number, made)
        except (ValueError, TypeError) as error:
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            return [] if kind == case["raises"] else [f"raises {kind}, Keras {case['raises']}"]
        return [f"runs, where Keras raises {case['raises']}"]
    layer, y = call(case, number, made)
    found = []
    expected = answers[f"{number}.y"]
    narrow = {"float16": 4e-3, "bfloat16": 3e-2}.get(case["dtype"])
    relative, absolute = (narrow, narrow) if narrow else (1e-5, 1e-6)
    if y.shape != expected.shape or not np.allclose(
        np.asarray(y, float), expected, relative, absolute, equal_nan=True
    ):
        found.append(f"output {np.asarray(y).tolist()}, Keras {expected.tolist()}")
    dtype = "float32" if case["dtype"] == "bfloat16" else case["dtype"]
    if y.dtype != dtype:
        found.append(f"dtype {y.dtype}, Keras {dtype}")
    mask = getattr(y, "_keras_mask", None)
    wanted = answers.get(f"{number}.mask")
    if (mask is None) != (wanted is None) or (wanted is not None and not np.array_equal(mask, wanted)):
        found.append(f"mask {mask}, Keras {wanted}")
    shapes = [(None, *s[1:]) for s in case["shapes"]]
    facts = {
        "shape": list(layer.compute_output_shape(shapes if case["listed"] else shapes[0])),
        "names": [w.name for w in layer.weights],
        "trainable": [w.trainable for w in layer.weights],
        "config": _unnamed(layer.get_config()),
    }
    wanted_facts = {**case, "config": _unnamed(case["config"])}
    found += [f"{k} {v}, Keras {wanted_facts[k]}" for k, v in facts.items() if v != wanted_facts[k]]
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    if _unnamed(again.get_config()) != facts["config"]:
        found.append(f"config does not come back: {again.get_config()}")
    return found


def _unnamed(config: dict[str, Any]) -> Any:
    plain = plain_config(config)
    plain.pop("name")
    return plain
