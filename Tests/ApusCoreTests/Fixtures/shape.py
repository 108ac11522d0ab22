"""Operations that move elements, and constructors. Used by make_operations.py."""

import numpy as np
import torch

from fixture_writer import as_torch, flags, real, whole

KINDS = {
    'int32': lambda n: whole(n, -99, 99, np.int32),
    'int64': lambda n: whole(n, -99, 99),
    'uint8': lambda n: whole(n, 0, 255, np.uint8),
    'bool': flags,
}


def moves(family, op, case, size, function, attributes):
    family.case(op, case, [real(size)], function, attributes)


def every_kind(family, op, size, function, attributes):
    for kind, sampler in KINDS.items():
        family.case(op, kind, [sampler(size)], function, attributes)
    family.case(
        op,
        'bfloat16',
        [lambda random: torch.tensor(random.randint(-64, 64, size) / 16, dtype=torch.bfloat16)],
        function,
        attributes,
    )


def through(x, index):
    """x by a NumPy index of flat positions: slices with negative steps, which torch does not have, stay differentiable."""
    positions = np.arange(x.numel()).reshape(x.shape)[index]
    return x.reshape(-1)[torch.from_numpy(positions.copy())]


def views(family):
    for case, size, to, result in (
        ('matrix', (3, 4), [2, 6], (2, 6)),
        ('flat', (2, 3, 2), [12], (12,)),
        ('to 0-d', (1, 1), [], ()),
        ('from 0-d', (), [1, 1], (1, 1)),
        ('inferred', (2, 6), [3, -1], (3, 4)),
        ('empty', (0, 4), [2, 0], (2, 0)),
        ('same', (5,), [5], (5,)),
    ):
        moves(family, 'reshape', case, size, lambda x: x.reshape(result), dict(shape=to))
    for case, size, permutation in (
        ('matrix', (3, 5), [1, 0]),
        ('identity', (2, 3), [0, 1]),
        ('3-d', (2, 3, 4), [2, 0, 1]),
        ('last two', (2, 3, 4), [0, 2, 1]),
        ('reversed', (2, 3, 4), [2, 1, 0]),
        ('negative', (2, 3, 4), [-1, 0, 1]),
        ('4-d', (2, 3, 2, 3), [0, 2, 3, 1]),
        ('vector', (4,), [0]),
        ('0-d', (), []),
        ('empty', (0, 3), [1, 0]),
        ('odd', (17, 19), [1, 0]),
    ):
        moves(family, 'transpose', case, size, lambda x: x.permute(permutation), dict(permutation=permutation))
    every_kind(family, 'transpose', (3, 5), lambda x: x.permute(1, 0), dict(permutation=[1, 0]))
    for case, size, ranges in (
        ('rows', (6, 4), [[1, 4, 1]]),
        ('columns', (4, 6), [[None, None, 1], [2, None, 1]]),
        ('steps', (7, 5), [[0, 7, 2], [1, None, 3]]),
        ('negative indices', (6, 5), [[-4, -1, 1], [None, -2, 1]]),
        ('reversed', (6,), [[None, None, -1]]),
        ('backwards', (9,), [[7, 1, -2]]),
        ('backwards negative', (9,), [[-2, -8, -3]]),
        ('beyond the ends', (5,), [[-9, 99, 1]]),
        ('nothing', (5, 2), [[3, 3, 1]]),
        ('stop before start', (5,), [[4, 2, 1]]),
        ('to the first, backwards', (5,), [[3, None, -1]]),
        ('both axes backwards', (4, 5), [[None, None, -1], [4, 0, -2]]),
        ('3-d', (3, 4, 5), [[1, 3, 1], [None, None, 2], [4, 1, -1]]),
        ('empty', (0, 3), [[0, 2, 1], [1, 3, 1]]),
        ('long step', (7,), [[1, None, 10]]),
    ):
        moves(family, 'slice', case, size, lambda x: through(x, tuple(slice(*r) for r in ranges)), dict(ranges=ranges))
    every_kind(family, 'slice', (5, 4), lambda x: as_torch(x)[1:4, ::2], dict(ranges=[[1, 4, 1], [None, None, 2]]))
    for case, size, axes in (
        ('front', (3, 2), [0]),
        ('back', (3, 2), [-1]),
        ('middle', (3, 2), [1]),
        ('two', (3, 2), [0, 3]),
        ('0-d', (), [0]),
        ('empty', (0,), [1]),
    ):
        result = np.expand_dims(np.zeros(size), tuple(axes)).shape
        moves(family, 'expandDims', case, size, lambda x: x.reshape(result), dict(axes=axes))
    for case, size, axes in (
        ('front', (1, 3), [0]),
        ('back', (3, 1), [-1]),
        ('two', (1, 3, 1), [0, 2]),
        ('to 0-d', (1, 1), [0, 1]),
        ('all', (1, 3, 1, 2), None),
        ('empty', (0, 1), [1]),
    ):
        result = np.squeeze(np.zeros(size), None if axes is None else tuple(axes)).shape
        moves(family, 'squeeze', case, size, lambda x: x.reshape(result), dict(axes=axes))
    for case, size, to in (
        ('rows', (4,), [3, 4]),
        ('column', (3, 1), [3, 4]),
        ('0-d', (), [2, 3]),
        ('ranks', (2, 1, 3), [4, 2, 5, 3]),
        ('same', (2, 3), [2, 3]),
        ('to empty', (1, 3), [0, 3]),
        ('one', (1,), [1, 1]),
    ):
        moves(family, 'broadcast', case, size, lambda x: x.broadcast_to(to), dict(shape=to))
    for case, size, axes in (
        ('rows', (3, 4), [0]),
        ('columns', (3, 4), [-1]),
        ('both', (3, 4), [0, 1]),
        ('all', (2, 3, 2), None),
        ('empty', (0, 2), [1]),
    ):
        moves(
            family, 'flip', case, size, lambda x: x.flip(list(range(x.ndim)) if axes is None else axes), dict(axes=axes)
        )


def joins(family):
    for case, sizes, axis in (
        ('rows', [(2, 3), (1, 3)], 0),
        ('columns', [(2, 3), (2, 1), (2, 4)], 1),
        ('negative axis', [(2, 3, 1), (2, 3, 2)], -1),
        ('middle', [(2, 1, 3), (2, 4, 3)], 1),
        ('vectors', [(3,), (1,), (5,)], 0),
        ('one input', [(2, 2)], 0),
        ('empty part', [(0, 3), (2, 3)], 0),
    ):
        family.case('concatenate', case, [real(size) for size in sizes], lambda *x: torch.cat(x, axis), dict(axis=axis))
    for kind, sampler in KINDS.items():
        family.case('concatenate', kind, [sampler((2, 3)), sampler((2, 2))], lambda *x: torch.cat(x, 1), dict(axis=1))
    for case, size, count, axis in (
        ('front', (2, 3), 3, 0),
        ('back', (2, 3), 2, -1),
        ('middle', (2, 3), 2, 1),
        ('0-d', (), 4, 0),
        ('empty', (0,), 2, 0),
        ('one input', (3,), 1, 1),
    ):
        family.case('stack', case, [real(size)] * count, lambda *x: torch.stack(x, axis), dict(axis=axis))
    for case, size, sizes, axis in (
        ('rows', (6, 2), [2, 2, 2], 0),
        ('uneven', (2, 7), [1, 4, 2], 1),
        ('negative axis', (2, 3, 4), [3, 1], -1),
        ('one part', (3,), [3], 0),
        ('empty part', (3, 2), [0, 3], 0),
    ):
        moves(family, 'split', case, size, lambda x: torch.split(x, sizes, axis), dict(sizes=sizes, axis=axis))
    for case, size, padding, value in (
        ('matrix', (2, 3), [[1, 0], [0, 2]], 0),
        ('value', (2, 3), [[1, 1], [2, 1]], -1.5),
        ('vector', (4,), [[2, 3]], 0),
        ('none', (2, 2), [[0, 0], [0, 0]], 7),
        ('3-d', (2, 1, 3), [[0, 1], [1, 0], [0, 0]], 0.5),
        ('empty', (0, 2), [[1, 1], [0, 1]], 3),
    ):
        flat = [n for pair in reversed(padding) for n in pair]
        moves(
            family,
            'pad',
            case,
            size,
            lambda x: torch.nn.functional.pad(x, flat, value=value),
            dict(padding=padding, value=value),
        )
    family.case(
        'pad',
        'int32',
        [whole((2, 3), -9, 9, np.int32)],
        lambda x: torch.nn.functional.pad(x, [1, 1], value=4),
        dict(padding=[[0, 0], [1, 1]], value=4),
    )
    for case, size, repetitions in (
        ('rows', (2, 3), [2, 1]),
        ('both', (2, 3), [2, 3]),
        ('vector', (3,), [4]),
        ('more axes', (3,), [2, 2]),
        ('fewer axes', (2, 3), [2]),
        ('none', (2,), [0]),
        ('0-d', (), [3]),
    ):
        moves(family, 'tile', case, size, lambda x: torch.tile(x, repetitions), dict(repetitions=repetitions))
    for case, size, count, axis in (
        ('rows', (2, 3), 2, 0),
        ('columns', (2, 3), 3, -1),
        ('middle', (2, 2, 2), 2, 1),
        ('none', (2,), 0, 0),
        ('once', (3,), 1, 0),
    ):
        moves(
            family,
            'repeat',
            case,
            size,
            lambda x: torch.repeat_interleave(x, count, axis),
            dict(count=count, axis=axis),
        )


def take(x, indices, axis):
    axis %= x.ndim
    indices = indices.long()
    return x.index_select(axis, indices.reshape(-1)).reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def indexed(family):
    for case, size, indices, axis in (
        ('rows', (5, 3), [4, 0, 2], 0),
        ('repeated', (4, 3), [1, 1, 3, 1, 0], 0),
        ('columns', (3, 5), [4, 0], 1),
        ('negative axis', (2, 3, 4), [3, 3, 0], -1),
        ('middle', (2, 4, 3), [2, 0, 2], 1),
        ('vector', (6,), [5, 2, 2], 0),
        ('matrix of indices', (5, 3), [[0, 4, 1], [1, 1, 2]], 0),
        ('one index', (5, 3), 2, 0),
        ('no index', (5, 3), np.zeros(0, np.int64), 0),
    ):
        for kind in (np.int64, np.int32):
            if kind is np.int32 and case not in ('rows', 'columns'):
                continue
            family.case(
                'gather',
                case + (', int32' if kind is np.int32 else ''),
                [real(size), np.array(indices, kind)],
                lambda x, i: take(x, i, axis),
                dict(axis=axis),
            )
    for kind, sampler in KINDS.items():
        family.case('gather', kind, [sampler((5, 3)), np.array([4, 0, 4])], lambda x, i: take(x, i, 0), dict(axis=0))
    for case, size, index_size, axis in (
        ('rows', (3, 5), (3, 2), 1),
        ('one per row', (4, 5), (4, 1), 1),
        ('columns', (4, 3), (6, 3), 0),
        ('negative axis', (2, 3, 4), (2, 3, 2), -1),
        ('middle', (2, 4, 3), (2, 5, 3), 1),
        ('vector', (6,), (9,), 0),
        ('empty', (3, 5), (3, 0), 1),
    ):
        family.case(
            'gatherElements',
            case,
            [real(size), whole(index_size, 0, size[axis])],
            lambda x, i: torch.gather(x, axis, i),
            dict(axis=axis),
        )
    family.case(
        'gatherElements',
        'int32 indices',
        [real((3, 5)), whole((3, 2), 0, 5, np.int32)],
        lambda x, i: torch.gather(x, 1, i.long()),
        dict(axis=1),
    )
    for case, size, indices, axis in (
        ('rows', (5, 3), [4, 0, 2], 0),
        ('repeated', (4, 3), [1, 1, 3, 1], 0),
        ('columns', (3, 5), [4, 0, 4], 1),
        ('negative axis', (2, 3, 4), [3, 3], -1),
        ('middle', (2, 4, 3), [2, 0], 1),
        ('vector', (6,), [5, 2, 2, 5], 0),
        ('no index', (3, 2), [], 0),
    ):
        for kind in (np.int64, np.int32):
            if kind is np.int32 and case != 'repeated':
                continue
            updates = list(size)
            updates[axis] = len(indices)
            family.case(
                'scatterAdd',
                case + (', int32' if kind is np.int32 else ''),
                [real(size), np.array(indices, kind), real(tuple(updates))],
                lambda x, i, u: torch.index_add(x, axis, i.long(), u),
                dict(axis=axis),
            )
    family.case(
        'scatterAdd',
        'int64 values',
        [whole((4, 2), -9, 9), np.array([1, 1, 3]), whole((3, 2), -9, 9)],
        lambda x, i, u: torch.index_add(x, 0, i, u),
        dict(axis=0),
    )
    for case, labels, classes in (
        ('vector', [2, 0, 1, 2], 3),
        ('matrix', [[1, 0], [4, 4]], 5),
        ('0-d', 1, 2),
        ('empty', np.zeros(0, np.int64), 3),
        ('one class', [0, 0], 1),
    ):
        for kind in (np.int64, np.int32, np.uint8):
            if kind is not np.int64 and case != 'vector':
                continue
            family.case(
                'oneHot',
                case + ('' if kind is np.int64 else ', ' + np.dtype(kind).name),
                [np.array(labels, kind)],
                lambda x: torch.nn.functional.one_hot(x.long(), classes).float(),
                dict(classes=classes, dtype='float32'),
            )
    for op, function in (('tril', torch.tril), ('triu', torch.triu)):
        for case, size, diagonal in (
            ('square', (4, 4), 0),
            ('wide', (3, 5), 1),
            ('tall', (5, 3), -1),
            ('batch', (2, 3, 3), 0),
            ('far above', (3, 3), 5),
            ('far below', (3, 3), -5),
            ('empty', (0, 3), 0),
        ):
            moves(family, op, case, size, lambda x: function(x, diagonal), dict(diagonal=diagonal))


def constructors(family):
    for case, rows, columns, diagonal in (
        ('square', 3, 3, 0),
        ('wide', 2, 4, 1),
        ('tall', 4, 2, -1),
        ('one', 1, 1, 0),
        ('empty', 0, 0, 0),
    ):
        family.case(
            'eye',
            case,
            [],
            lambda: np.eye(rows, columns, diagonal, dtype=np.float32),
            dict(rows=rows, columns=columns, diagonal=diagonal, dtype='float32'),
        )
    for case, start, stop, step, kind in (
        ('whole', 0, 5, 1, 'int64'),
        ('step', 2, 11, 3, 'int32'),
        ('backwards', 5, -3, -2, 'int32'),
        ('empty', 3, 3, 1, 'int64'),
        ('wrong way', 3, 1, 1, 'int64'),
        ('real', 0, 1, 0.25, 'float64'),
        ('real, no whole number of steps', 0, 1, 0.3, 'float64'),
        ('float32', -1, 2, 0.5, 'float32'),
        ('real backwards', 1, 0, -0.125, 'float32'),
    ):
        family.case(
            'arange',
            case,
            [],
            lambda: np.arange(start, stop, step, dtype=kind),
            dict(start=start, stop=stop, step=step, dtype=kind),
        )
    for case, start, stop, count, kind in (
        ('unit', 0, 1, 5, 'float64'),
        ('thirds', 0, 1, 4, 'float64'),
        ('backwards', 2, -2, 9, 'float32'),
        ('one', 3, 7, 1, 'float32'),
        ('two', 3, 7, 2, 'float32'),
        ('none', 0, 1, 0, 'float32'),
        ('many', -1, 1, 101, 'float64'),
    ):
        family.case(
            'linspace',
            case,
            [],
            lambda: np.linspace(start, stop, count, dtype=kind),
            dict(start=start, stop=stop, count=count, dtype=kind),
        )


def make(family):
    views(family)
    joins(family)
    indexed(family)
    constructors(family)
