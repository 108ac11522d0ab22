"""Makes operations_*.jsonl, the reference values and gradients of Apus's operations (format: README.md).

Run:    python make_operations.py            (writes beside this file; deterministic)
Needs:  numpy, scipy, torch. The files at hand were made with Python 3.11, numpy 2.4.6, scipy 1.17.1, torch 2.13.0 (CPU).

Gradients are PyTorch's in float64. Values are PyTorch's or NumPy's and, where both have the operation, checked against
each other. Where the two differ, or where neither defines a value (integer division by zero, conversion of a number that
does not fit), the rule of Apus's kernels is computed here in plain Python.
"""

import torch

import convolution, elementwise, losses, matmul, reduce, shape
from fixture_writer import Family

if __name__ == '__main__':
    print('torch', torch.__version__)
    for module in (elementwise, reduce, shape, matmul, losses, convolution):
        family = Family('operations_' + module.__name__)
        module.make(family)
        family.write()
