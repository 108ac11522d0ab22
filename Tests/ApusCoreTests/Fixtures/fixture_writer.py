"""Writes operation fixtures as JSON lines. The format is described in README.md.

A case is a list of inputs (numpy arrays, torch tensors, or samplers such as `real((3, 4))`) and a function on torch tensors.
Float64 inputs get the gradient of sum(output * weights). Every case draws from its own seed, made of the operation and
the case name, so that adding or removing one case leaves the others as they are.
"""

import json, math, os, zlib
import numpy as np
import torch

torch.set_num_threads(1)


# Samplers: functions of a RandomState.


def real(shape, low=-3.0, high=3.0, step=1 / 64, distinct=False, avoid=1.0 / 128):
    """Float64 multiples of `step` (exact in float32, short in decimal), at least `avoid` away from 0."""

    def sample(random):
        grid = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
        grid = grid[np.abs(grid) >= avoid]
        return np.asarray(random.choice(grid, size=shape, replace=not distinct), dtype=np.float64)

    return sample


def whole(shape, low, high, dtype=np.int64):
    return lambda random: np.asarray(random.randint(low, high, size=shape)).astype(dtype)


def flags(shape):
    return lambda random: np.asarray(random.randint(0, 2, size=shape)).astype(bool)


def as_torch(value):
    return value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))


# Text.

NAMES = {
    torch.float32: 'float32',
    torch.float64: 'float64',
    torch.bfloat16: 'bfloat16',
    torch.int32: 'int32',
    torch.int64: 'int64',
    torch.uint8: 'uint8',
    torch.bool: 'bool',
}


def number(value):
    """JSON text of one element: the shortest decimal that reads back as the same value."""
    if isinstance(value, (bool, np.bool_)):
        return '1' if value else '0'
    if isinstance(value, (int, np.integer)):
        value = int(value)
        return str(value) if abs(value) <= 2**53 else f'"{value}"'
    if np.isnan(value):
        return '"nan"'
    if np.isinf(value):
        return '"inf"' if value > 0 else '"-inf"'
    if value == 0:
        return '-0.0' if np.signbit(value) else '0'
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value)) if isinstance(value, (float, np.float64)) else str(value)


def numbers(tensor):
    tensor = tensor.detach()
    flat = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy().ravel()
    return '[' + ','.join(number(element) for element in flat) + ']'


def tensor_text(tensor):
    shape = ','.join(map(str, tensor.shape))
    return f'{{"dtype":"{NAMES[tensor.dtype]}","shape":[{shape}],"data":{numbers(tensor)}}}'


class Family:
    """One fixture file."""

    def __init__(self, name):
        self.name, self.lines, self.seen = name, [], set()

    def case(
        self, op, case, inputs, function, attributes=None, gradient=True, reference=None, kinks=None, weights=None
    ):
        """`gradient`: True, False, or one flag per input. `reference`: the same function on numpy arrays, checked against torch.
        `kinks`: flat positions of the inputs at which the derivative is a convention."""
        assert (op, case) not in self.seen, (op, case)
        self.seen.add((op, case))
        random = np.random.RandomState(zlib.crc32(f'{op}/{case}'.encode()))
        inputs = [as_torch(value(random) if callable(value) else value) for value in inputs]
        flagged = [gradient] * len(inputs) if isinstance(gradient, bool) else list(gradient)
        wanted = [flag and tensor.dtype == torch.float64 for flag, tensor in zip(flagged, inputs)]
        for tensor, flag in zip(inputs, wanted):
            tensor.requires_grad_(flag)
        outputs = function(*inputs)
        outputs = [as_torch(output) for output in (outputs if isinstance(outputs, (tuple, list)) else [outputs])]
        if reference is not None:
            expected = reference(*[tensor.detach().numpy() for tensor in inputs])
            np.testing.assert_allclose(
                outputs[0].detach().numpy(), expected, rtol=2e-14, atol=1e-14, err_msg=f'{op}/{case}'
            )
            assert outputs[0].shape == np.shape(expected)
        parts = [
            f'"op":"{op}"',
            f'"case":"{case}"',
            '"inputs":[' + ','.join(map(tensor_text, inputs)) + ']',
            '"attributes":' + json.dumps(attributes or {}, separators=(',', ':')),
            '"outputs":[' + ','.join(map(tensor_text, outputs)) + ']',
        ]
        if any(wanted):
            drawn = []
            for output in outputs:
                smooth = output.dtype == torch.float64
                chosen = (
                    real(tuple(output.shape), -2, 2, 1 / 8)(random)
                    if weights is None
                    else np.full(output.shape, weights, float)
                )
                drawn.append(as_torch(chosen) if smooth else None)
            total = sum((output * weight).sum() for output, weight in zip(outputs, drawn) if weight is not None)
            gradients = iter(torch.autograd.grad(total, [t for t, flag in zip(inputs, wanted) if flag]))
            gradients = [next(gradients) if flag else None for flag in wanted]
            text = lambda values: '[' + ','.join('null' if v is None else numbers(v) for v in values) + ']'
            parts += [f'"weights":{text(drawn)}', f'"gradients":{text(gradients)}']
        if kinks:
            parts.append('"kinks":' + json.dumps(kinks, separators=(',', ':')))
        line = '{' + ','.join(parts) + '}'
        json.loads(line)
        self.lines.append(line)

    def write(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), self.name + '.jsonl')
        with open(path, 'w') as file:
            file.write('\n'.join(self.lines) + '\n')
        print(f'{self.name}: {len(self.lines)} cases, {os.path.getsize(path):,} bytes')
