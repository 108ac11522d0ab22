"""Element-wise operations, activations, integer arithmetic, logic and casts. Used by make_operations.py."""

import math
import numpy as np
import torch
import torch.nn.functional as F
from scipy import special

from fixture_writer import NAMES, flags, real, whole

NAN, INF = math.nan, math.inf

# name: (torch, numpy, low, high) of the operations of one operand.
UNARY = {
    'negative': (torch.neg, np.negative, -3, 3),
    'abs': (torch.abs, np.abs, -3, 3),
    'sign': (torch.sign, np.sign, -3, 3),
    'square': (torch.square, np.square, -3, 3),
    'sqrt': (torch.sqrt, np.sqrt, 1 / 64, 6),
    'rsqrt': (torch.rsqrt, lambda x: 1 / np.sqrt(x), 1 / 16, 6),
    'reciprocal': (torch.reciprocal, lambda x: 1 / x, -4, 4),
    'exp': (torch.exp, np.exp, -4, 4),
    'expm1': (torch.expm1, np.expm1, -4, 4),
    'log': (torch.log, np.log, 1 / 32, 6),
    'log1p': (torch.log1p, np.log1p, -15 / 16, 4),
    'sin': (torch.sin, np.sin, -7, 7),
    'cos': (torch.cos, np.cos, -7, 7),
    'tan': (torch.tan, np.tan, -1.4, 1.4),
    'asin': (torch.asin, np.arcsin, -0.97, 0.97),
    'acos': (torch.acos, np.arccos, -0.97, 0.97),
    'atan': (torch.atan, np.arctan, -4, 4),
    'sinh': (torch.sinh, np.sinh, -3, 3),
    'cosh': (torch.cosh, np.cosh, -3, 3),
    'tanh': (torch.tanh, np.tanh, -4, 4),
    'erf': (torch.erf, special.erf, -3, 3),
    'sigmoid': (torch.sigmoid, special.expit, -6, 6),
    'softplus': (lambda x: F.softplus(x, threshold=40), lambda x: np.logaddexp(0, x), -6, 6),
    'relu': (torch.relu, lambda x: np.maximum(x, 0), -3, 3),
    'floor': (torch.floor, np.floor, -4, 4),
    'ceil': (torch.ceil, np.ceil, -4, 4),
    'round': (torch.round, np.round, -4, 4),
    'trunc': (torch.trunc, np.trunc, -4, 4),
}
SPECIAL = np.array(
    [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0**-30, -(2.0**-30), 0.5, -0.5, 1.5, 2.5, -2.5, 50.0, -50.0, 800.0, -800.0]
)
SIZES = {'0-d': (), 'empty': (0, 3), 'one': (1,), 'matrix': (3, 5), 'odd': (37,), '3-d': (2, 1, 7)}


def unary(family):
    for name, (function, reference, low, high) in UNARY.items():
        for case, size in SIZES.items():
            # Away from the steps of floor, ceil, round and trunc, which are at multiples of 1/2.
            steps = name in ('floor', 'ceil', 'round', 'trunc')
            sampler = real(size, low, high, step=1 / 64, avoid=1 / 4 if name == 'reciprocal' else 1 / 128)
            if steps:
                sampler = lambda random, size=size: np.asarray(
                    random.randint(-8, 8, size) / 2 + random.randint(1, 32, size) / 64
                )
            family.case(name, case, [sampler], function, reference=reference)
        with np.errstate(all='ignore'):
            values = reference(SPECIAL)
        family.case(name, 'special', [SPECIAL], lambda x, values=values: values, gradient=False)
    family.case('tanh', 'longer than a tile', [real((1051,), -5, 5)], torch.tanh, reference=np.tanh, gradient=False)
    for name, function in (('isNaN', np.isnan), ('isInfinite', np.isinf), ('isFinite', np.isfinite)):
        family.case(name, 'special', [SPECIAL], lambda x, f=function: f(x.numpy()), gradient=False)
        family.case(name, '0-d', [np.float64(NAN)], lambda x, f=function: f(x.numpy()), gradient=False)
        family.case(name, 'empty', [np.zeros((2, 0))], lambda x, f=function: f(x.numpy()), gradient=False)


PATTERNS = {
    'same': ((3, 4), (3, 4)),
    '0-d both': ((), ()),
    'scalar right': ((2, 3), ()),
    'scalar left': ((), (5,)),
    'row': ((3, 4), (4,)),
    'column': ((3, 1), (3, 4)),
    'outer': ((3, 1), (1, 4)),
    'ranks': ((2, 1, 3), (4, 1)),
    'one': ((1, 1), (1,)),
    'empty': ((0, 3), (1, 3)),
    'stretched to empty': ((1,), (0,)),
    '4-d': ((2, 1, 2, 1), (1, 3, 1, 2)),
    'odd': ((5, 13), (13,)),
}
FEW = ('same', 'scalar right', 'ranks', 'empty', 'odd')


def binary(family):
    table = {
        'add': (torch.add, np.add),
        'subtract': (torch.subtract, np.subtract),
        'multiply': (torch.multiply, np.multiply),
        'divide': (torch.divide, np.divide),
        'remainder': (torch.remainder, np.remainder),
        'power': (torch.pow, np.power),
        'minimum': (torch.minimum, np.minimum),
        'maximum': (torch.maximum, np.maximum),
        'atan2': (torch.atan2, np.arctan2),
    }
    for name, (function, reference) in table.items():
        for case in PATTERNS if name in ('add', 'divide') else FEW:
            left, right = PATTERNS[case]
            first, second = real(left), real(right)
            if name in ('divide', 'atan2'):
                second = real(right, avoid=1 / 4)
            if name == 'power':
                first, second = real(left, 1 / 4, 3), real(right, -2, 2)
            if name == 'remainder':  # odd/64 is no multiple of odd/16: away from the jumps
                second = lambda random, n=right: np.asarray(
                    (2 * random.randint(4, 20, n) + 1) * random.choice([-1, 1], n) / 16
                )
                first = lambda random, n=left: np.asarray((2 * random.randint(-200, 200, n) + 1) / 64)
            if name in ('minimum', 'maximum'):  # odd against even multiples: no ties
                first = lambda random, n=left: np.asarray((2 * random.randint(-60, 60, n) + 1) / 64)
                second = lambda random, n=right: np.asarray(random.randint(-60, 60, n) / 32)
            family.case(name, case, [first, second], function, reference=reference)
        pairs = np.array(
            [(a, b) for a in (NAN, INF, -INF, 0.0, -0.0, 3.0) for b in (NAN, 0.0, -0.0, -2.0, 2.0, 0.5)]
            + [(2.0, INF), (INF, INF)]
        )
        if name == 'remainder':
            pairs = np.array([p for p in pairs if not np.isinf(p[1])])
        with np.errstate(all='ignore'):
            values = reference(pairs[:, 0], pairs[:, 1])
        family.case(name, 'special', [pairs[:, 0].copy(), pairs[:, 1].copy()], lambda a, b, v=values: v, gradient=False)
    family.case('add', 'longer than a tile', [real((3, 1037)), real((3, 1))], torch.add, gradient=False)
    # The derivative by the exponent does not exist here.
    family.case(
        'power',
        'negative base',
        [real((9,), -3, -1 / 4), whole((9,), -3, 4, np.float64)],
        torch.pow,
        reference=np.power,
        gradient=(True, False),
    )
    family.case('power', 'zero base', [np.zeros(3), np.array([1.0, 2, 3])], torch.pow, reference=np.power)
    family.case(
        'remainder',
        'infinite divisor',
        [np.array([5.0, -5.0, 5.0, -5.0]), np.array([INF, INF, -INF, -INF])],
        lambda a, b: np.remainder(a.numpy(), b.numpy()),
        gradient=False,
    )

    compare = {
        'equal': np.equal,
        'notEqual': np.not_equal,
        'less': np.less,
        'lessOrEqual': np.less_equal,
        'greater': np.greater,
        'greaterOrEqual': np.greater_equal,
    }
    for name, function in compare.items():
        apply = lambda a, b, f=function: f(a.numpy(), b.numpy())
        for case in FEW:
            left, right = PATTERNS[case]
            family.case(
                name,
                case,
                [real(left, -1, 1, 1 / 2, avoid=0), real(right, -1, 1, 1 / 2, avoid=0)],
                apply,
                gradient=False,
            )
        family.case(
            name,
            'special',
            [np.repeat([NAN, INF, -INF, 0.0, -0.0, 1.0], 6), np.tile([NAN, INF, -INF, 0.0, -0.0, 1.0], 6)],
            apply,
            gradient=False,
        )
        for kind in (np.int32, np.int64, np.uint8):
            family.case(
                name, np.dtype(kind).name, [whole((4, 3), 0, 3, kind), whole((3,), 0, 3, kind)], apply, gradient=False
            )
        large = np.array([2**53, 2**53 + 1, -(2**63), 2**63 - 1])
        family.case(name, 'int64 beyond 2^53', [large, large[[1, 0, 3, 3]]], apply, gradient=False)
    logic = {'logicalAnd': np.logical_and, 'logicalOr': np.logical_or, 'logicalXor': np.logical_xor}
    for name, function in logic.items():
        for case in ('same', 'scalar right', 'ranks', 'empty'):
            left, right = PATTERNS[case]
            family.case(name, case, [flags(left), flags(right)], lambda a, b, f=function: f(a.numpy(), b.numpy()))
    for case, size in SIZES.items():
        family.case('logicalNot', case, [flags(size)], torch.logical_not)


def selection(family):
    shapes = {
        'same': ((3, 4),) * 3,
        'scalars': ((2, 3), (), ()),
        'mask row': ((4,), (3, 4), (3, 1)),
        'mask column': ((3, 1), (4,), (1, 1)),
        '0-d': ((), (), ()),
        'empty': ((0, 2), (2,), (1, 2)),
        'odd': ((7, 13), (7, 13), (13,)),
    }
    for case, (mask, left, right) in shapes.items():
        family.case('where', case, [flags(mask), real(left), real(right)], torch.where, reference=np.where)
    family.case(
        'where',
        'special',
        [np.array([1, 0, 1, 0], bool), np.array([1.0, NAN, INF, NAN]), np.array([NAN, 2.0, NAN, -INF])],
        torch.where,
        gradient=False,
    )
    for kind in (np.int32, np.int64, np.uint8):
        family.case(
            'where',
            np.dtype(kind).name,
            [flags((3, 4)), whole((3, 4), 0, 99, kind), whole((4,), 0, 99, kind)],
            torch.where,
        )
    for case, size in SIZES.items():
        family.case(
            'clip',
            case,
            [real(size, step=1 / 32)],
            lambda x: torch.clamp(x, -1.015625, 0.765625),
            dict(min=-1.015625, max=0.765625),
        )
    family.case(
        'clip', 'only min', [real((9,))], lambda x: torch.clamp(x, min=0.0078125), dict(min=0.0078125, max=None)
    )
    family.case(
        'clip', 'only max', [real((9,))], lambda x: torch.clamp(x, max=0.0078125), dict(min=None, max=0.0078125)
    )
    family.case('clip', 'special', [SPECIAL], lambda x: torch.clamp(x, -1, 1), dict(min=-1, max=1), gradient=False)
    family.case('clip', 'int32', [whole((12,), -9, 9, np.int32)], lambda x: torch.clamp(x, -3, 4), dict(min=-3, max=4))


# Integers: exact results in Python's numbers, then wrapped.

BOUNDS = {np.int32: (-(2**31), 2**31 - 1), np.int64: (-(2**63), 2**63 - 1), np.uint8: (0, 255)}


def wrap(value, kind):
    low, high = BOUNDS[kind]
    return (value - low) % (high - low + 1) + low


def truncated_quotient(a, b):
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def integers(family):
    two = {
        'add': lambda a, b: a + b,
        'subtract': lambda a, b: a - b,
        'multiply': lambda a, b: a * b,
        'divide': truncated_quotient,
        'remainder': lambda a, b: 0 if b == 0 else a % b,
        'minimum': min,
        'maximum': max,
    }
    one = {'negative': lambda a: -a, 'abs': abs, 'sign': lambda a: (a > 0) - (a < 0), 'square': lambda a: a * a}
    for kind, (low, high) in BOUNDS.items():
        name = np.dtype(kind).name
        interesting = [low, low + 1, high, high - 1, 0, 1, 2, 3, 7, 100] + ([-1, -2, -3, -7] if low < 0 else [200, 16])
        pairs = [
            (a, b) for a in interesting for b in (0, 1, 2, 3, 7, high, low) + ((-1, -2, -3) if low < 0 else (200,))
        ]
        left, right = np.array([a for a, _ in pairs], kind), np.array([b for _, b in pairs], kind)
        for op, exact in two.items():
            values = np.array([wrap(exact(a, b), kind) for a, b in pairs], kind)
            family.case(op, name, [left, right], lambda a, b, v=values: v)
            family.case(
                op,
                name + ' row',
                [whole((3, 4), max(low, -20), 20, kind), whole((4,), 1, 9, kind)],
                lambda a, b, f=exact, k=kind: np.vectorize(lambda x, y: wrap(f(int(x), int(y)), k), otypes=[k])(
                    a.numpy(), b.numpy()
                ),
            )
        for op, exact in one.items():
            values = np.array([wrap(exact(a), kind) for a in interesting], kind)
            family.case(op, name, [np.array(interesting, kind)], lambda a, v=values: v)


# Casts.


def cast(tensor, to):
    """Between floats: to nearest even. Float to integer: toward zero, saturating, NaN gives 0. Integer to integer: wrapping."""
    if tensor.is_floating_point() and to in (torch.int32, torch.int64, torch.uint8):
        low, high = BOUNDS[{torch.int32: np.int32, torch.int64: np.int64, torch.uint8: np.uint8}[to]]
        whole_number = lambda x: 0 if math.isnan(x) else (low if x <= low else high if x >= high else math.trunc(x))
        return torch.tensor([whole_number(x) for x in tensor.double().tolist()], dtype=to)
    return tensor.to(to)


def casts(family):
    floats = [
        NAN,
        INF,
        -INF,
        0.0,
        -0.0,
        0.5,
        -0.5,
        0.99,
        1.0,
        -1.0,
        1.5,
        -1.5,
        2.7,
        -2.7,
        127.4,
        128.5,
        254.9,
        255.0,
        255.9,
        256.0,
        300.0,
        -128.0,
        1e5,
        16777217.0,
        3e9,
        -3e9,
        1e20,
        -1e20,
        3.14159274,
        1.00390625,
        1.01171875,
        65504.0,
        1e-40,
        3e38,
    ]
    sources = {
        torch.float64: floats + [1e300, 0.1, 1 + 2.0**-24, 1 + 3 * 2.0**-24],
        torch.float32: floats,
        torch.bfloat16: floats,
        torch.int32: [0, 1, -1, 2, 127, 128, 255, 256, 257, -128, 16777217, -33554435, 2**31 - 1, -(2**31)],
        torch.int64: [
            0,
            1,
            -1,
            2,
            255,
            256,
            300,
            -300,
            2**31 - 1,
            2**31,
            -(2**31) - 1,
            2**32 + 5,
            2**53 + 1,
            2**63 - 1,
            -(2**63),
        ],
        torch.uint8: [0, 1, 2, 127, 128, 200, 255],
        torch.bool: [0, 1],
    }
    for source, values in sources.items():
        for to in sources:
            if to is source:
                continue
            family.case(
                'cast',
                f'{NAMES[source]} to {NAMES[to]}',
                [
                    torch.tensor(values, dtype=torch.float64).to(source)
                    if source.is_floating_point
                    else torch.tensor(values).to(source)
                ],
                lambda x, to=to: cast(x, to),
                dict(to=NAMES[to]),
                gradient=False,
            )
    family.case('cast', '0-d', [np.float64(2.75)], lambda x: x.to(torch.int32), dict(to='int32'), gradient=False)
    family.case('cast', 'empty', [np.zeros((2, 0))], lambda x: x.to(torch.uint8), dict(to='uint8'), gradient=False)


# Activations. Entries: function, attributes, positions in POINTS where the derivative is a convention.

POINTS = np.array([-1, -0.5, 0, 0.7, 2])
SATURATED = np.array([-800, -100, -20, -4, 4, 20, 100, 800], float)
ACTIVATIONS = {
    'identity': (lambda x: x * 1, {}, []),
    'step': (lambda x: (x >= 0) + 0 * x, {}, [2]),
    'sigmoid': (torch.sigmoid, {}, []),
    'tanh': (torch.tanh, {}, []),
    'arctan': (torch.atan, {}, []),
    'relu': (torch.relu, {}, [2]),
    'leakyRelu': (lambda x: F.leaky_relu(x, 0.01), {'slope': 0.01}, [2]),
    'elu': (F.elu, {'alpha': 1}, []),
    'softplus': (lambda x: F.softplus(x, threshold=40), {}, []),
    'selu': (F.selu, {}, [2]),
    'gelu': (F.gelu, {}, []),
    'silu': (F.silu, {}, []),
    'softsign': (F.softsign, {}, []),
    'mish': (F.mish, {}, []),
    'hardSigmoid': (F.hardsigmoid, {}, []),
    'hardTanh': (F.hardtanh, {}, [0]),
    'celu': (F.celu, {'alpha': 1}, [2]),
    'geluTanh': (lambda x: F.gelu(x, approximate='tanh'), {}, []),
    'logSigmoid': (F.logsigmoid, {}, []),
    'squaredRelu': (lambda x: torch.relu(x) ** 2, {}, [2]),
    'relu6': (F.relu6, {}, [2]),
    'hardSilu': (F.hardswish, {}, []),
    'hardShrink': (lambda x: F.hardshrink(x, 0.505), {'lambda': 0.505}, []),  # no input lies at the kink
    'softShrink': (lambda x: F.softshrink(x, 0.505), {'lambda': 0.505}, []),
    'tanhShrink': (F.tanhshrink, {}, []),
}


def activations(family):
    for name, (function, attributes, kinks) in ACTIVATIONS.items():
        attributes = dict(name=name, **attributes)
        family.case('activation', name, [POINTS], function, attributes, kinks=kinks, weights=1)
        family.case('activation', name + ' saturated', [SATURATED], function, attributes, weights=1)
        # One of the matrices holds a -3.
        kinks = [19] if name == 'hardSilu' else []
        family.case(
            'activation', name + ' matrix', [real((3, 7), -4, 4, avoid=1 / 64)], function, attributes, kinks=kinks
        )
    family.case(
        'activation',
        'leakyRelu 0.2',
        [POINTS],
        lambda x: F.leaky_relu(x, 0.2),
        dict(name='leakyRelu', slope=0.2),
        kinks=[2],
        weights=1,
    )
    family.case('activation', 'exponential', [POINTS], torch.exp, dict(name='exponential'), weights=1)
    family.case(
        'activation', 'celu 0.5', [POINTS], lambda x: F.celu(x, 0.5), dict(name='celu', alpha=0.5), kinks=[2], weights=1
    )
    family.case(
        'activation',
        'softShrink 0.25',
        [POINTS],
        lambda x: F.softshrink(x, 0.25),
        dict(name='softShrink', **{'lambda': 0.25}),
        weights=1,
    )
    for name in ('softmax', 'logSoftmax'):
        function = {'softmax': torch.softmax, 'logSoftmax': torch.log_softmax}[name]
        family.case('activation', name, [real((3, 7), -4, 4)], lambda x: function(x, -1), dict(name=name))
    family.case(
        'activation', 'elu 0.5', [POINTS], lambda x: F.elu(x, 0.5), dict(name='elu', alpha=0.5), kinks=[2], weights=1
    )


def make(family):
    unary(family)
    binary(family)
    selection(family)
    integers(family)
    casts(family)
    activations(family)
