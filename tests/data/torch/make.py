"""Make the files of this folder with PyTorch, and beside each an NPZ of what it holds, by PyTorch as well.

python make.py     # PyTorch 2.13; py2_linear.pth and its NPZ were made otherwise, see README.md
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

GENERATOR = torch.Generator().manual_seed(0)


def plain(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as NumPy has it: what NumPy has no dtype for as float32."""
    tensor = tensor.detach().resolve_neg()
    small = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)
    return (tensor.float() if tensor.dtype in small else tensor).numpy()


def save(name: str, content: Any, expected: dict[str, torch.Tensor], legacy: bool = False) -> None:
    torch.save(content, name, _use_new_zipfile_serialization=not legacy)
    np.savez(name + ".npz", **{key: plain(tensor) for key, tensor in expected.items()})


def main() -> None:
    a = torch.randn(7, 5, generator=GENERATOR)
    x = torch.randn(3, 4, 2, 6, generator=GENERATOR)
    views = {
        "whole": a,
        "transposed": a.T,
        "columns": a[:, 1:3],
        "every_second": a[:, ::2],
        "rows": a[2:5],
        "both": a.T[1:, ::3],
        "permuted": x.permute(2, 0, 1, 3),
        "reversed_axes": x.permute(3, 2, 1, 0),
        "part": x[:, 1:3, ::2],
        "expanded": torch.ones(1).expand(3, 4),
        "negated": torch.complex(a, a + 1).conj().imag,
        "number": torch.tensor(3.5),
        "empty": torch.ones(0, 4),
    }
    save("views.pt", views, views)
    save("views_legacy.pth", views, views, legacy=True)
    names = (
        "float64",
        "float16",
        "bfloat16",
        "float8_e4m3fn",
        "float8_e5m2",
        "int64",
        "int32",
        "int16",
        "int8",
    )
    names += ("uint8", "uint16", "uint32", "uint64", "bool")
    dtypes = {name: a.abs().to(getattr(torch, name)) for name in names}
    save("dtypes.pt", dtypes, dtypes)
    save("tuple.pt", (a, [a + 1]), {"0": a, "1.0": a + 1})
    save("alone.pt", x, {"": x})

    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    state = dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    checkpoint = {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": argparse.Namespace(lr=0.1, sizes=[3, 4], activation=torch.nn.ReLU()),
        "loops": {
            "fit": {"state": {}, "done": {1, 2}, "where": torch.device("cpu"), "size": torch.Size([2])}
        },
    }
    moments = {
        f"optimizer_states.0.state.{i}.{key}": value
        for i, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    save("checkpoint.ckpt", checkpoint, state | moments)
    checkpoint["hyper_parameters"].activation = "relu"  # of a module the legacy form holds the source
    save("checkpoint_legacy.bin", checkpoint, state | moments, legacy=True)
    save("module.pt", model, state)
    both = {"params": state, "params_ema": {name: tensor / 2 for name, tensor in state.items()}}
    save("averaged.pth", both, {f"{key}.{name}": both[key][name] for key in both for name in state})
    torch.jit.script(model).save("script.pt")
    np.savez("script.pt.npz", **{key: plain(tensor) for key, tensor in state.items()})
    odd = {
        "sparse": a.to_sparse(),
        "quantised": torch.quantize_per_tensor(a, 0.1, 0, torch.qint8),
        "meta": a.to("meta"),
        "complex": torch.complex(a, a),
        "fc.weight": a,
    }
    save("odd.pt", odd, {"fc.weight": a})


main()
