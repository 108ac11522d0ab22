"""Matrix products and linear layers. Used by make_operations.py."""

import numpy as np
import torch
import torch.nn.functional as F

from fixture_writer import real


def make(family):
    """Most operands are few-bit numbers whose products add up exactly, in float32 as well: a wrong index cannot hide in a tolerance."""
    short = lambda size: real(size, -4, 4, 1 / 8)
    for case, left, right in (
        ('dot', (7,), (7,)),
        ('dot of one', (1,), (1,)),
        ('vector-matrix', (5,), (5, 3)),
        ('matrix-vector', (3, 5), (5,)),
        ('small', (2, 3), (3, 2)),
        ('one', (1, 1), (1, 1)),
        ('row', (1, 7), (7, 5)),
        ('column', (5, 7), (7, 1)),
        ('rank one', (5, 1), (1, 7)),
        ('odd', (13, 17), (17, 11)),
        ('wide', (3, 37), (37, 33)),
        ('tall', (37, 5), (5, 3)),
        ('batch', (3, 2, 4), (3, 4, 2)),
        ('batch with matrix', (3, 2, 4), (4, 5)),
        ('matrix with batch', (2, 4), (3, 4, 2)),
        ('broadcast batch', (2, 1, 3, 4), (3, 4, 2)),
        ('both broadcast', (2, 1, 3, 2), (1, 3, 2, 2)),
        ('batch-vector', (3, 2, 4), (4,)),
        ('vector-batch', (4,), (3, 4, 2)),
        ('no rows', (0, 3), (3, 2)),
        ('nothing inside', (2, 0), (0, 3)),
        ('empty batch', (0, 2, 3), (3, 2)),
        ('odd batch', (2, 9, 7), (2, 7, 5)),
    ):
        family.case(
            'matmul',
            case,
            [short(left), short(right)],
            torch.matmul,
            dict(transposeA=False, transposeB=False),
            reference=np.matmul,
        )
    for a, b in ((True, False), (False, True), (True, True)):
        turn = lambda x, flag: x.transpose(-1, -2) if flag else x
        for case, left, right in (
            ('small', (2, 3), (3, 4)),
            ('odd', (9, 13), (13, 7)),
            ('batch', (3, 2, 4), (3, 4, 5)),
            ('broadcast batch', (2, 1, 3, 4), (3, 4, 2)),
            ('row', (1, 5), (5, 3)),
            ('column', (5, 3), (3, 1)),
        ):
            swap = lambda size, flag: (*size[:-2], size[-1], size[-2]) if flag else size
            name = case + (', left transposed' if a else '') + (', right transposed' if b else '')
            family.case(
                'matmul',
                name,
                [short(swap(left, a)), short(swap(right, b))],
                lambda x, y: turn(x, a) @ turn(y, b),
                dict(transposeA=a, transposeB=b),
            )
    tenths = lambda *size: lambda random: np.round(random.randn(*size), 4)
    family.case(
        'matmul',
        'rounding',
        [tenths(7, 23), tenths(23, 5)],
        torch.matmul,
        dict(transposeA=False, transposeB=False),
        reference=np.matmul,
    )
    family.case(
        'matmul',
        'large, values only',
        [real((40, 39), -2, 2, 1 / 4), real((39, 38), -2, 2, 1 / 4)],
        torch.matmul,
        dict(transposeA=False, transposeB=False),
        gradient=False,
    )
    family.case(
        'matmul',
        'NaN and infinity',
        [np.array([[np.nan, 0], [np.inf, 1], [1, 1]]), np.array([[0.0, 1], [2, 3]])],
        torch.matmul,
        dict(transposeA=False, transposeB=False),
        gradient=False,
    )
    for case, left, right in (('small', (3,), (4,)), ('one', (1,), (1,)), ('odd', (13,), (7,)), ('empty', (0,), (3,))):
        family.case('outer', case, [short(left), short(right)], torch.outer, reference=np.outer)
    activations = {'none': lambda z: z, 'relu': torch.relu, 'tanh': torch.tanh, 'sigmoid': torch.sigmoid}
    for name, function in activations.items():
        for case, rows, columns, units, bias in (
            ('small', 3, 4, 2, True),
            ('no bias', 3, 4, 2, False),
            ('one sample', 1, 7, 5, True),
            ('one unit', 5, 3, 1, True),
            ('odd', 7, 13, 9, True),
            ('no rows', 0, 3, 2, True),
        ):
            few = lambda *size: real(size, -1, 1, 1 / 8)
            bias_sampler = real((units,), -1, 1, 1 / 128)
            inputs = [few(rows, columns), few(units, columns)] + (
                [lambda random: bias_sampler(random) + 1 / 1024] if bias else []
            )
            family.case('linear', f'{case}, {name}', inputs, lambda *x: function(F.linear(*x)), dict(activation=name))
    family.case(
        'linear', '3-d, none', [short((2, 3, 4)), short((5, 4)), short((5,))], F.linear, dict(activation='none')
    )
    family.case('linear', 'vector, none', [short((4,)), short((5, 4)), short((5,))], F.linear, dict(activation='none'))
