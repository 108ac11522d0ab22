"""Reductions, scans and order. Used by make_operations.py."""

import math
import numpy as np
import torch

from fixture_writer import flags, real, whole

NAN, INF = math.nan, math.inf


def every(x, axes):
    return tuple(range(x.ndim)) if axes is None else tuple(axes)


def product(x, axes, keep):
    for axis in sorted((a % x.ndim for a in every(x, axes)), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def mean_of(x, axes, keep):
    return torch.mean(x, every(x, axes), keepdim=keep)


# name: (torch, numpy) of (tensor, axes or None, keep).
REDUCTIONS = {
    'sum': (lambda x, a, k: torch.sum(x, every(x, a), keepdim=k), np.sum),
    'mean': (mean_of, np.mean),
    'max': (lambda x, a, k: torch.amax(x, every(x, a), keepdim=k), np.max),
    'min': (lambda x, a, k: torch.amin(x, every(x, a), keepdim=k), np.min),
    'product': (product, np.prod),
    'logSumExp': (
        lambda x, a, k: torch.logsumexp(x, every(x, a), keepdim=k),
        lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    ),
    'norm': (
        lambda x, a, k: torch.linalg.vector_norm(x, 2, every(x, a), keepdim=k),
        lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
    ),
}
# case: (shape, axes, keepDims)
CASES = {
    'all': ((3, 5), None, False),
    'all kept': ((3, 5), None, True),
    'rows': ((3, 5), [1], False),
    'columns': ((3, 5), [0], False),
    'negative axis kept': ((3, 5), [-1], True),
    'middle': ((2, 4, 3), [1], False),
    'outer axes': ((2, 4, 3), [0, 2], False),
    'mixed axes kept': ((2, 4, 3), [-1, 0], True),
    'leading axes': ((2, 3, 4), [0, 1], False),
    '4-d': ((2, 3, 1, 2), [1, 3], False),
    'vector': ((37,), [0], False),
    '0-d': ((), None, False),
    'one': ((1, 1), [1], True),
    'empty outside': ((0, 3), [1], False),
}


def reductions(family):
    for name, (function, reference) in REDUCTIONS.items():
        for case, (size, axes, keep) in CASES.items():
            sampler = (
                real(size, -1, 1, distinct=True, step=1 / 128)
                if name != 'product'
                else real(size, -2, 2, avoid=1 / 4, step=1 / 8)
            )
            if name == 'product' and case == 'vector':
                size = (7,)
                sampler = real(size, -2, 2, avoid=1 / 4, step=1 / 8)
            family.case(
                name,
                case,
                [sampler],
                lambda x: function(x, axes, keep),
                dict(axes=axes, keepDims=keep),
                reference=lambda x: reference(x, axis=every(x, axes), keepdims=keep),
            )
        special = np.array([[NAN, 1, 2], [INF, 0, 1], [-INF, 0, 1], [1, NAN, -INF], [3, 2, 1]])
        with np.errstate(all='ignore'):
            values = reference(special, axis=(1,), keepdims=False)
            if name == 'logSumExp':
                values = torch.logsumexp(torch.tensor(special), 1)
        family.case(name, 'special', [special], lambda x: values, dict(axes=[1], keepDims=False), gradient=False)
    for name, value in (('sum', 0.0), ('product', 1.0), ('mean', NAN), ('logSumExp', -INF), ('norm', 0.0)):
        family.case(
            name,
            'empty axis',
            [np.zeros((2, 0))],
            lambda x: np.full(2, value),
            dict(axes=[1], keepDims=False),
            gradient=False,
        )
    for name in ('sum', 'mean', 'max'):
        family.case(
            name,
            'long',
            [real((3, 701), step=1 / 32)],
            lambda x: REDUCTIONS[name][0](x, [1], False),
            dict(axes=[1], keepDims=False),
            gradient=False,
        )
        family.case(
            name,
            'long columns',
            [real((517, 3), step=1 / 32)],
            lambda x: REDUCTIONS[name][0](x, [0], False),
            dict(axes=[0], keepDims=False),
            gradient=False,
        )
    zeros = np.array([[1.0, 2, 0, 4], [0, 3, 0, 2], [1, -2, 3, 0.5]])
    family.case('product', 'zeros', [zeros], lambda x: x.prod(1), dict(axes=[1], keepDims=False))
    extreme = np.array([[800.0, -800, 0], [-800, -800, -800], [1000, 1001, 1000], [-INF, 0, 1]])
    family.case('logSumExp', 'extreme', [extreme], lambda x: torch.logsumexp(x, 1), dict(axes=[1], keepDims=False))
    family.case(
        'logSumExp',
        'all -inf',
        [np.full((1, 3), -INF)],
        lambda x: torch.logsumexp(x, 1),
        dict(axes=[1], keepDims=False),
        gradient=False,
    )
    family.case(
        'norm',
        'large and small',
        [np.array([[3e18, 4e18], [3e-18, 4e-18]])],
        lambda x: torch.linalg.vector_norm(x, 2, 1),
        dict(axes=[1], keepDims=False),
        gradient=False,
    )

    for name, function, numpy_function in (('variance', torch.var, np.var), ('standardDeviation', torch.std, np.std)):
        for ddof in (0, 1):
            for case, (size, axes, keep) in CASES.items():
                if case in ('0-d', 'one', 'empty outside'):
                    continue
                family.case(
                    name,
                    f'{case}, ddof {ddof}',
                    [real(size, step=1 / 64, distinct=True)],
                    lambda x: function(x, every(x, axes), correction=ddof, keepdim=keep),
                    dict(axes=axes, keepDims=keep, ddof=ddof),
                    reference=lambda x: numpy_function(x, axis=every(x, axes), ddof=ddof, keepdims=keep),
                )
        family.case(
            name,
            'large mean',
            [real((3, 9), 1000, 1004)],
            lambda x: function(x, 1, correction=0),
            dict(axes=[1], keepDims=False, ddof=0),
            reference=lambda x: numpy_function(x, axis=1),
        )
    family.case(
        'variance',
        'constant',
        [np.full((2, 5), 0.125)],
        lambda x: torch.zeros(2, dtype=x.dtype),
        dict(axes=[1], keepDims=False, ddof=0),
        gradient=False,
    )


def whole_numbers(family):
    for kind in (np.int32, np.int64):
        name, top = np.dtype(kind).name, np.iinfo(kind).max
        for op, function in (('sum', np.sum), ('product', np.prod), ('max', np.max), ('min', np.min)):
            for case, (size, axes, keep) in list(CASES.items())[:8]:
                family.case(
                    op,
                    f'{name}, {case}',
                    [whole(size, -4, 5, kind)],
                    lambda x: np.asarray(function(x.numpy(), axis=every(x, axes), keepdims=keep)).astype(kind),
                    dict(axes=axes, keepDims=keep),
                )
        family.case(
            'sum',
            f'{name}, wraps',
            [np.array([[top, 1], [top, top]], kind)],
            lambda x: np.sum(x.numpy(), axis=1, dtype=kind),
            dict(axes=[1], keepDims=False),
        )
        family.case(
            'cumulativeSum',
            name,
            [whole((3, 5), -9, 9, kind)],
            lambda x: np.cumsum(x.numpy(), axis=1, dtype=kind),
            dict(axis=1),
        )
    for op, function in (('max', np.max), ('min', np.min)):
        family.case(
            op,
            'uint8',
            [whole((4, 9), 0, 256, np.uint8)],
            lambda x: function(x.numpy(), axis=1),
            dict(axes=[1], keepDims=False),
        )

    for op, function in (('any', np.any), ('all', np.all)):
        for case, (size, axes, keep) in CASES.items():
            family.case(
                op,
                case,
                [flags(size)],
                lambda x: np.asarray(function(x.numpy(), axis=every(x, axes), keepdims=keep)),
                dict(axes=axes, keepDims=keep),
            )
        family.case(
            op,
            'empty axis',
            [np.zeros((2, 0), bool)],
            lambda x: function(x.numpy(), axis=1),
            dict(axes=[1], keepDims=False),
        )
        family.case(
            op,
            'rows of one kind',
            [np.array([[1, 1], [0, 0], [0, 1]], bool)],
            lambda x: function(x.numpy(), axis=1),
            dict(axes=[1], keepDims=False),
        )
        family.case(
            op,
            'float64',
            [np.array([[0, -0.0, 0], [NAN, 1, 2], [0, 0.5, 0]])],
            lambda x: function(x.numpy(), axis=1),
            dict(axes=[1], keepDims=False),
            gradient=False,
        )
        family.case(
            op,
            'int32',
            [np.array([[0, 0], [-1, 1], [0, 256]], np.int32)],
            lambda x: function(x.numpy(), axis=1),
            dict(axes=[1], keepDims=False),
        )

    for op, function in (('argMax', np.argmax), ('argMin', np.argmin)):
        for case, size, axis, keep in (
            ('all', (3, 5), None, False),
            ('rows', (3, 5), 1, False),
            ('columns', (3, 5), 0, False),
            ('negative axis kept', (2, 4, 3), -2, True),
            ('vector', (37,), 0, False),
            ('0-d', (), None, False),
            ('empty outside', (0, 3), 1, False),
            ('long', (2, 401), 1, False),
        ):
            sampler = real(size, -4, 4, distinct=True, step=1 / 128)
            family.case(
                op,
                case,
                [sampler],
                lambda x: np.asarray(function(x.numpy(), axis=axis, keepdims=keep)),
                dict(axis=axis, keepDims=keep),
                gradient=False,
            )
        family.case(
            op,
            'first of ties',
            [np.array([[1.0, 2, 2], [3, 3, 3], [2, 1, 1]])],
            lambda x: function(x.numpy(), axis=1),
            dict(axis=1, keepDims=False),
            gradient=False,
        )
        family.case(
            op,
            'NaN',
            [np.array([[1.0, NAN, INF, NAN], [-INF, 0, INF, -INF]])],
            lambda x: function(x.numpy(), axis=1),
            dict(axis=1, keepDims=False),
            gradient=False,
        )
        for kind in (np.int32, np.int64, np.uint8):
            family.case(
                op,
                np.dtype(kind).name,
                [whole((3, 7), 0, 100, kind)],
                lambda x: function(x.numpy(), axis=1),
                dict(axis=1, keepDims=False),
            )


def order(family):
    for case, size, axis in (
        ('rows', (3, 5), 1),
        ('columns', (3, 5), 0),
        ('negative axis', (2, 4, 3), -2),
        ('vector', (37,), 0),
        ('empty', (0,), 0),
        ('one', (2, 1), 1),
    ):
        family.case(
            'cumulativeSum',
            case,
            [real(size)],
            lambda x: torch.cumsum(x, axis),
            dict(axis=axis),
            reference=lambda x: np.cumsum(x, axis),
        )
        for descending in (False, True):
            family.case(
                'sort',
                case + (' descending' if descending else ''),
                [real(size, distinct=True)],
                lambda x: torch.sort(x, axis, descending),
                dict(axis=axis, descending=descending),
            )
    ties = np.array([[2.0, 1, 2, 1, 3], [0, 0, 0, 0, 0]])
    for descending in (False, True):
        family.case(
            'sort',
            'stable' + (' descending' if descending else ''),
            [ties],
            lambda x: torch.sort(x, dim=1, descending=descending, stable=True),
            dict(axis=1, descending=descending),
            gradient=False,
        )
    family.case(
        'sort',
        'int32',
        [lambda random: random.permutation(15).astype(np.int32).reshape(3, 5)],
        lambda x: torch.sort(x, 1),
        dict(axis=1, descending=False),
    )
    for case, size, axis, k in (
        ('rows', (3, 7), 1, 3),
        ('columns', (5, 2), 0, 2),
        ('negative axis', (2, 5, 2), -2, 1),
        ('everything', (4,), 0, 4),
        ('long', (2, 151), 1, 5),
    ):
        family.case('topK', case, [real(size, distinct=True)], lambda x: torch.topk(x, k, axis), dict(k=k, axis=axis))
    for name, function in (('softmax', torch.softmax), ('logSoftmax', torch.log_softmax)):
        for case, size, axis in (
            ('rows', (3, 5), -1),
            ('columns', (3, 5), 0),
            ('middle', (2, 4, 3), 1),
            ('vector', (11,), 0),
            ('one', (2, 1), 1),
            ('empty', (0, 3), 1),
            ('odd', (2, 37), 1),
        ):
            family.case(name, case, [real(size)], lambda x: function(x, axis), dict(axis=axis))
        family.case(
            name,
            'extreme',
            [np.array([[800.0, -800, 0], [1000, 1001, 1000], [-800, -801, -800], [-INF, 0, 1]])],
            lambda x: function(x, 1),
            dict(axis=1),
        )


def make(family):
    reductions(family)
    whole_numbers(family)
    order(family)
