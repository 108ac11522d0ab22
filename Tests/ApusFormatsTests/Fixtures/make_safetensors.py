#!/usr/bin/env python3
"""Writes reference.safetensors with the reference implementation, and reads files that Apus wrote.

    python3 make_safetensors.py                  # needs safetensors, numpy and torch (for bfloat16)
    python3 make_safetensors.py check <file>     # a file with the same contents from Apus: run SafetensorsFileTests with
                                                 # APUS_KEEP_FILE=<file> in the environment to get it
"""

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent
METADATA = {"made by": 'the reference, in "quotes"\n\u00fc \U0001f600'}


def tensors() -> dict[str, torch.Tensor]:
    """One tensor of every type that Apus reads; SafetensorsFileTests.swift holds the same."""
    return {
        "matrix": torch.tensor([[0.5, -1.25, 3e38], [float("inf"), -0.0, 1e-45]], dtype=torch.float32),
        "double": torch.tensor([0.1, -1e300, 5e-324], dtype=torch.float64),
        "int32": torch.tensor([-(2**31), 0, 2**31 - 1], dtype=torch.int32),
        "int64": torch.tensor([[-(2**63)], [2**63 - 1]], dtype=torch.int64),
        "bytes": torch.tensor([0, 1, 254, 255], dtype=torch.uint8),
        "flags": torch.tensor([True, False, True], dtype=torch.bool),
        "half": torch.tensor([1.0, -2.5, 3.140625], dtype=torch.bfloat16),
        "scalar \u00fc \"'": torch.tensor(7.0, dtype=torch.float32),
        "empty": torch.zeros((0, 3), dtype=torch.float32),
    }


def check(path: str) -> None:
    """Compares a file from Apus with what it should hold, bit by bit."""
    expected = tensors()
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == METADATA, file.metadata()
        assert set(file.keys()) == set(expected), list(file.keys())
        for name, tensor in expected.items():
            found = file.get_tensor(name)
            assert found.dtype == tensor.dtype and found.shape == tensor.shape, name
            assert found.contiguous().view(-1).view(torch.uint8).equal(tensor.view(-1).view(torch.uint8)), name
    print(f"{path}: {len(expected)} tensors are as they should be")


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2])
    else:
        save_file(tensors(), FOLDER / "reference.safetensors", metadata=METADATA)
