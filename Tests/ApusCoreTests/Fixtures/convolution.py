"""Convolutions, transposed convolutions and pooling. Used by make_operations.py.

Apus's arrangement: images (n, spatial..., channels), weights (out, spatial..., in / groups), those of transposed convolutions
(in, spatial..., out / groups). Here they are PyTorch's after a permutation, so that gradients are those of Apus's arrangement.
"""

import zlib

import numpy as np
import torch
import torch.nn.functional as F

from fixture_writer import real

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEANS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def first(x):
    """Channels last to channels first; for weights too."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def per_axis(value, rank):
    return [value] * rank if isinstance(value, int) else list(value)


def around(x, before, after, value=0.0):
    """Padding, channels first."""
    return F.pad(x, [n for pair in zip(reversed(before), reversed(after)) for n in pair], value=value)


def same_padding(extents, kernel, stride, dilation):
    total = [max(0, (-(-e // s) - 1) * s + (k - 1) * d + 1 - e) for e, k, s, d in zip(extents, kernel, stride, dilation)]
    return [t // 2 for t in total], [t - t // 2 for t in total]


def convolution(family, case, shape, weight, stride=1, dilation=1, padding=0, groups=1, bias=True, activation='none'):
    rank = len(shape) - 2
    stride_, dilation_ = per_axis(stride, rank), per_axis(dilation, rank)
    if padding == 'same':
        before, after = same_padding(shape[1:-1], weight[1:-1], stride_, dilation_)
    elif isinstance(padding, tuple):
        before, after = (per_axis(p, rank) for p in padding)
    else:
        before = after = per_axis(padding, rank)

    def function(x, w, b=None):
        y = CONVOLUTIONS[rank](around(first(x), before, after), first(w), b, stride_, 0, dilation_, groups)
        return last(torch.relu(y) if activation == 'relu' else y)

    few = lambda size: real(size, -2, 2, 1 / 8)
    inputs = [few(shape), few(weight)] + ([real((weight[0],), -1, 1, 1 / 128)] if bias else [])
    attributes = dict(
        stride=stride_,
        dilation=dilation_,
        padding='same' if padding == 'same' else dict(before=before, after=after),
        groups=groups,
        activation=activation,
    )
    family.case('convolution', case, inputs, function, attributes)


def transposed(family, case, shape, weight, stride=1, dilation=1, padding=0, output_padding=0, groups=1, bias=True):
    rank = len(shape) - 2
    stride_, dilation_, padding_, extra = (per_axis(v, rank) for v in (stride, dilation, padding, output_padding))

    def function(x, w, b=None):
        return last(TRANSPOSED[rank](first(x), first(w), b, stride_, padding_, extra, groups, dilation_))

    few = lambda size: real(size, -2, 2, 1 / 8)
    outputs = weight[-1] * groups
    inputs = [few(shape), few(weight)] + ([real((outputs,), -1, 1, 1 / 128)] if bias else [])
    attributes = dict(
        stride=stride_, dilation=dilation_, padding=padding_, outputPadding=extra, groups=groups
    )
    family.case('transposedConvolution', case, inputs, function, attributes)


def max_pool(family, case, shape, kernel, stride=None, dilation=1, padding=0, ceil=False, inputs=None, gradient=True):
    rank = len(shape) - 2
    kernel_, dilation_ = per_axis(kernel, rank), per_axis(dilation, rank)
    stride_ = kernel_ if stride is None else per_axis(stride, rank)
    before, after = (per_axis(p, rank) for p in padding) if isinstance(padding, tuple) else [per_axis(padding, rank)] * 2

    def function(x):
        x = first(x)
        if before != after:
            y = MAXIMA[rank](around(x, before, after, -torch.inf), kernel_, stride_, 0, dilation_, ceil_mode=ceil)
        else:
            y = MAXIMA[rank](x, kernel_, stride_, before, dilation_, ceil_mode=ceil)
        return last(y)

    # All elements differ, so that there are no kinks.
    inputs = inputs or [real(shape, -6, 6, 1 / 64, distinct=True)]
    attributes = dict(kernel=kernel_, stride=stride_, dilation=dilation_, before=before, after=after, ceil=ceil)
    family.case('maxPool', case, inputs, function, attributes, gradient=gradient)


def average_pool(family, case, shape, kernel, stride=None, padding=0, ceil=False, counts=True):
    rank = len(shape) - 2
    kernel_, padding_ = per_axis(kernel, rank), per_axis(padding, rank)
    stride_ = kernel_ if stride is None else per_axis(stride, rank)

    def function(x):
        return last(MEANS[rank](first(x), kernel_, stride_, padding_, ceil, counts))

    attributes = dict(kernel=kernel_, stride=stride_, before=padding_, after=padding_, ceil=ceil, countsPadding=counts)
    family.case('averagePool', case, [real(shape)], function, attributes)


def adaptive(family, case, shape, extents):
    rank = len(shape) - 2
    mean = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[rank]
    most = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}[rank]
    target = extents[0] if rank == 1 else tuple(extents)
    attributes = dict(extents=list(extents))
    family.case('adaptiveAveragePool', case, [real(shape)], lambda x: last(mean(first(x), target)), attributes)
    distinct = real(shape, -6, 6, 1 / 64, distinct=True)
    family.case('adaptiveMaxPool', case, [distinct], lambda x: last(most(first(x), target)), attributes)


def fitting(random, rank):
    """Random settings that give at least one position along each axis."""
    kernel = [int(random.randint(1, 5)) for _ in range(rank)]
    stride = [int(random.randint(1, 4)) for _ in range(rank)]
    dilation = [int(random.choice([1, 1, 2, 3])) for _ in range(rank)]
    extents, before, after = [], [], []
    for k, d in zip(kernel, dilation):
        reach = (k - 1) * d + 1
        b, a = int(random.randint(0, min(reach, 4))), int(random.randint(0, min(reach, 4)))
        extents.append(max(1, reach - b - a) + int(random.randint(0, 9 - 2 * rank)))
        before.append(b)
        after.append(a)
    return kernel, stride, dilation, extents, before, after


def random_pools(family):
    """Windows of all sorts, in one to three dimensions: with dilation, padding (also one-sided), rounded up, not dividing the image."""
    random = np.random.RandomState(zlib.crc32(b'pooling'))
    draw = lambda low, high, rank: [int(random.randint(low, high)) for _ in range(rank)]
    kinds = {'max': 0, 'average': 0}
    while min(kinds.values()) < 27:
        kind = min(kinds, key=kinds.get)
        number = kinds[kind]
        rank = number % 3 + 1
        kernel, stride = draw(1, 4, rank), draw(1, 4, rank)
        dilation = draw(1, 4, rank) if kind == 'max' else [1] * rank
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        padding = [int(random.randint(0, k // 2 + 1)) for k in kernel]
        after = [int(random.randint(0, r // 2 + 1)) for r in reach]
        sided, ceil, counts = kind == 'max' and number % 4 == 3, number % 2 == 1, number % 5 < 3
        ceil = ceil and not sided
        after = after if sided else padding
        extents = [max(1, r - p - a) + e for r, p, a, e in zip(reach, padding, after, draw(0, 9 - 2 * rank, rank))]
        shape = (int(random.randint(1, 3)), *extents, int(random.choice([1, 2, 3, 5])))
        if np.prod(shape) > 300 or kind == 'average' and any(e < k for e, k in zip(extents, kernel)):  # PyTorch refuses these in 3-D
            continue
        if kind == 'average':
            average_pool(family, f'random {number}', shape, kernel, stride, padding, ceil, counts)
        else:
            # PyTorch gives -inf for a window without an element; Apus refuses it.
            ones = np.ones((1, 1, *extents))
            full = around(torch.tensor(ones), padding, after, -torch.inf)
            if not sided:
                held = MAXIMA[rank](torch.tensor(ones), kernel, stride, padding, dilation, ceil_mode=ceil)
            else:
                held = MAXIMA[rank](full, kernel, stride, 0, dilation)
            if torch.isinf(held).any():
                continue
            max_pool(family, f'random {number}', shape, kernel, stride, dilation, (padding, after) if sided else padding, ceil)
        kinds[kind] += 1
    for number in range(15):
        rank = number % 3 + 1
        adaptive(family, f'random {number}', (2, *draw(1, [14, 8, 5][rank - 1], rank), 2), draw(1, [11, 7, 5][rank - 1], rank))


def make(family):
    # One axis.
    convolution(family, 'signal', (2, 7, 3), (4, 3, 3))
    convolution(family, 'one', (1, 1, 1), (1, 1, 1))
    convolution(family, 'no images', (0, 5, 2), (3, 3, 2))
    convolution(family, 'signal, same', (2, 6, 2), (3, 4, 2), padding='same', bias=False)
    convolution(family, 'signal, stride and dilation', (1, 11, 2), (2, 3, 2), stride=2, dilation=3, padding=(2, 1))
    # Two axes.
    convolution(family, 'image', (2, 5, 4, 3), (4, 3, 3, 3))
    convolution(family, 'notes N-34', (1, 3, 3, 1), (1, 2, 2, 1), bias=False)
    convolution(family, 'relu', (2, 4, 4, 2), (3, 3, 3, 2), padding=1, activation='relu')
    convolution(family, 'pointwise', (2, 3, 2, 5), (4, 1, 1, 5))
    convolution(family, 'pointwise, relu', (2, 3, 2, 3), (4, 1, 1, 3), activation='relu')
    convolution(family, 'pointwise, stride', (1, 5, 4, 3), (2, 1, 1, 3), stride=(2, 3))
    convolution(family, 'stride larger than kernel', (1, 7, 8, 2), (3, 2, 1, 2), stride=(3, 4))
    convolution(family, 'not square', (1, 3, 9, 2), (2, 2, 5, 2), padding=[1, 2])
    convolution(family, 'same, even kernel', (1, 5, 6, 2), (2, 2, 4, 2), padding='same', stride=2)
    convolution(family, 'one sided', (1, 4, 4, 1), (2, 3, 3, 1), padding=((2, 0), (0, 3)))
    convolution(family, 'padding beyond the image', (1, 1, 1, 2), (2, 3, 3, 2), padding=2)
    convolution(family, 'dilated', (1, 7, 6, 2), (2, 3, 2, 2), dilation=(3, 2), padding=1)
    convolution(family, 'groups', (2, 4, 5, 4), (6, 3, 2, 2), groups=2, padding=1)
    convolution(family, 'groups, dilated', (1, 5, 5, 6), (3, 2, 2, 2), groups=3, dilation=2)
    convolution(family, 'depthwise', (2, 5, 4, 3), (3, 3, 2, 1), groups=3, padding=1)
    convolution(family, 'depthwise, stride', (1, 6, 7, 18), (18, 3, 3, 1), groups=18, stride=2, padding=[1, 0], bias=False)
    convolution(family, 'depthwise, dilated relu', (1, 7, 5, 2), (2, 2, 3, 1), groups=2, dilation=2, padding=2, activation='relu')
    convolution(family, 'two filters a channel', (1, 4, 4, 3), (6, 3, 3, 1), groups=3, padding=1)
    # Three axes.
    convolution(family, 'volume', (1, 3, 4, 3, 2), (3, 2, 3, 2, 2), padding=1)
    convolution(family, 'volume, stride', (2, 4, 3, 5, 1), (2, 3, 2, 3, 1), stride=(2, 1, 2), padding=1, dilation=(1, 2, 1))
    convolution(family, 'volume, depthwise', (1, 3, 3, 3, 2), (2, 2, 2, 2, 1), groups=2, padding=1)
    convolution(family, 'flat volume', (1, 1, 4, 3, 2), (2, 3, 2, 2, 2), padding=1)
    # Small enough for second differences.
    convolution(family, 'tiny', (1, 3, 3, 1), (2, 2, 2, 1))
    convolution(family, 'tiny relu', (1, 3, 3, 1), (2, 2, 2, 1), activation='relu', padding=1)
    convolution(family, 'tiny depthwise', (1, 3, 3, 2), (2, 2, 2, 1), groups=2)
    convolution(family, 'tiny pointwise', (1, 2, 2, 3), (2, 1, 1, 3))
    convolution(family, 'tiny stride', (1, 5, 2), (2, 2, 2), stride=3, padding=1)
    random = np.random.RandomState(zlib.crc32(b'convolution'))
    for i in range(36):
        rank = i % 3 + 1
        kernel, stride, dilation, extents, before, after = fitting(random, rank)
        groups = int(random.choice([1, 1, 2, 3]))
        inputs, outputs = groups * int(random.randint(1, 4)), groups * int(random.randint(1, 4))
        convolution(
            family,
            f'random {i}',
            (int(random.randint(1, 4 - rank // 2)), *extents, inputs),
            (outputs, *kernel, inputs // groups),
            stride,
            dilation,
            (before, after),
            groups,
            bool(random.randint(0, 2)),
        )

    transposed(family, 'signal', (2, 4, 3), (3, 3, 2))
    transposed(family, 'image', (2, 3, 4, 3), (3, 3, 3, 2), padding=1)
    transposed(family, 'doubled', (1, 3, 3, 4), (4, 4, 4, 3), stride=2, padding=1)
    transposed(family, 'output padding', (1, 3, 2, 2), (2, 3, 3, 3), stride=(2, 3), padding=1, output_padding=(1, 2))
    transposed(family, 'pointwise', (1, 3, 3, 2), (2, 1, 1, 3))
    transposed(family, 'gaps', (1, 3, 2, 2), (2, 1, 2, 2), stride=3)
    transposed(family, 'groups, dilated', (1, 3, 4, 4), (4, 2, 2, 3), groups=2, dilation=2, padding=1)
    transposed(family, 'depthwise', (1, 3, 4, 3), (3, 2, 2, 1), groups=3, stride=2, bias=False)
    transposed(family, 'volume', (1, 2, 3, 2, 2), (2, 2, 2, 3, 1), stride=(1, 2, 1), padding=(0, 1, 1))
    transposed(family, 'no images', (0, 3, 3, 2), (2, 2, 2, 3))
    transposed(family, 'tiny', (1, 2, 2, 2), (2, 2, 2, 1), stride=2)
    transposed(
        family, 'volume, all at once', (2, 2, 3, 2, 4), (4, 2, 3, 2, 3), stride=(2, 1, 3), dilation=(1, 2, 2), padding=(0, 1, 1),
        output_padding=(1, 0, 2), groups=2,
    )
    transposed(family, 'volume, depthwise', (1, 2, 2, 3, 3), (3, 2, 2, 2, 1), stride=2, output_padding=1, groups=3, bias=False)
    # Output padding beyond the stride, within the dilation: out of the padding behind, and beyond every filter.
    transposed(family, 'output padding of dilation', (2, 4, 2), (2, 3, 3), dilation=3, padding=1, output_padding=2)
    transposed(family, 'output padding of padding', (1, 3, 4, 2), (2, 2, 3, 2), stride=(2, 1), dilation=(4, 2), padding=(3, 2), output_padding=(3, 1))

    max_pool(family, 'image', (2, 4, 6, 3), 2)
    max_pool(family, 'overlapping', (1, 7, 7, 2), 3, 2)
    max_pool(family, 'padded', (1, 5, 4, 3), 3, 2, padding=1)
    max_pool(family, 'one sided', (1, 5, 4, 2), (2, 3), (2, 1), padding=((1, 0), (0, 2)))
    max_pool(family, 'dilated', (1, 7, 8, 2), 2, 1, dilation=(3, 2))
    max_pool(family, 'dilated, padded', (1, 6, 6, 2), 3, 2, dilation=2, padding=1)
    max_pool(family, 'rounded up', (1, 6, 5, 2), 2, ceil=True)
    max_pool(family, 'rounded up, padded', (2, 6, 5, 1), 3, 2, padding=1, ceil=True)
    max_pool(family, 'gaps', (1, 7, 7, 2), 2, 3)
    max_pool(family, 'many channels', (1, 4, 2, 37), 2)
    max_pool(family, 'eight channels', (2, 4, 4, 8), 2)
    max_pool(family, 'signal', (2, 9, 3), 3, 2)
    max_pool(family, 'volume', (1, 4, 3, 4, 2), (2, 3, 2), (2, 1, 2), padding=[1, 1, 0])
    max_pool(family, 'whole image', (1, 20, 20, 1), 20)
    max_pool(family, 'no images', (0, 4, 4, 2), 2)
    max_pool(family, 'one', (1, 1, 1, 1), 1)
    max_pool(family, 'tiny', (1, 4, 4, 2), 2)
    few = np.array([[1.0, np.nan], [2, 3], [np.nan, 4], [5, -np.inf], [-np.inf, -np.inf], [-np.inf, -np.inf]]).reshape(1, 6, 2)
    max_pool(family, 'NaN and infinity', (1, 6, 2), 2, inputs=[few], gradient=False)

    average_pool(family, 'image', (2, 4, 6, 3), 2)
    average_pool(family, 'overlapping', (1, 7, 7, 2), 3, 2)
    average_pool(family, 'padded', (1, 5, 4, 3), 3, 2, padding=1)
    average_pool(family, 'padding not counted', (1, 5, 4, 3), 3, 2, padding=1, counts=False)
    average_pool(family, 'rounded up', (1, 6, 5, 2), 2, ceil=True)
    average_pool(family, 'rounded up, padded', (2, 6, 5, 1), 3, 2, padding=1, ceil=True)
    average_pool(family, 'rounded up, padding not counted', (2, 6, 5, 1), 3, 2, padding=1, ceil=True, counts=False)
    average_pool(family, 'signal', (2, 9, 3), 3, 2)
    average_pool(family, 'volume', (1, 4, 3, 4, 2), (2, 3, 2), (2, 1, 2), padding=[1, 1, 0])
    average_pool(family, 'many channels', (1, 4, 2, 37), 2)
    average_pool(family, 'no images', (0, 4, 4, 2), 2)

    adaptive(family, 'image', (2, 5, 7, 2), (3, 2))
    adaptive(family, 'to one', (2, 3, 4, 3), (1, 1))
    adaptive(family, 'larger', (1, 3, 2, 2), (5, 3))
    adaptive(family, 'signal', (1, 10, 2), (4,))
    adaptive(family, 'volume', (1, 3, 4, 5, 1), (2, 3, 1))
    random_pools(family)
