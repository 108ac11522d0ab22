"""Losses. Used by make_operations.py."""

import numpy as np
import torch.nn.functional as F

from fixture_writer import real, whole


def probabilities(*size):
    def sample(random):
        counts = random.multinomial(64, np.full(size[-1], 1 / size[-1]), size=size[:-1])
        return counts / 64

    return sample


def cross_entropy(logits, targets, reduction):
    rows = logits.reshape(-1, logits.shape[-1])
    if targets.is_floating_point():
        loss = F.cross_entropy(rows, targets.reshape(rows.shape), reduction=reduction)
    else:
        loss = F.cross_entropy(rows, targets.reshape(-1).long(), reduction=reduction)
    return loss.reshape(logits.shape[:-1]) if reduction == 'none' else loss


def make(family):
    unit = lambda *size: lambda random: random.randint(0, 17, size) / 16
    binary = lambda *size: whole(size, 0, 2, np.float64)
    for reduction in ('none', 'sum', 'mean'):
        attributes = dict(reduction=reduction)
        # The smaller and the larger logits of a binary classifier that is sure, right or wrong.
        logits = np.array([800.0, 800, -800, -800, 0, 0, 40, -40, 1e-3])
        labels = np.array([1.0, 0, 1, 0, 1, 0, 0, 1, 0.25])
        for case, size in (
            ('matrix', (3, 4)),
            ('vector', (7,)),
            ('column', (5, 1)),
            ('0-d', ()),
            ('3-d', (2, 3, 2)),
            ('one', (1, 1)),
            ('odd', (37,)),
        ):
            family.case(
                'meanSquaredError',
                f'{case}, {reduction}',
                [real(size), real(size)],
                lambda p, t: F.mse_loss(p, t, reduction=reduction),
                attributes,
            )
            family.case(
                'binaryCrossEntropyWithLogits',
                f'{case}, {reduction}',
                [real(size, -5, 5), binary(*size)],
                lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction=reduction),
                attributes,
            )
        family.case(
            'binaryCrossEntropyWithLogits',
            f'soft targets, {reduction}',
            [real((3, 4)), unit(3, 4)],
            lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction=reduction),
            attributes,
        )
        family.case(
            'binaryCrossEntropyWithLogits',
            f'extreme, {reduction}',
            [logits, labels],
            lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction=reduction),
            attributes,
        )
        entropy = lambda z, t: cross_entropy(z, t, reduction)
        for case, size, labels_size in (
            ('small', (3, 4), (3,)),
            ('one row', (1, 5), (1,)),
            ('two classes', (6, 2), (6,)),
            ('one class', (3, 1), (3,)),
            ('odd', (7, 11), (7,)),
            ('sequence', (2, 3, 4), (2, 3)),
        ):
            for kind in (np.int64, np.int32):
                if kind is np.int32 and case != 'small':
                    continue
                family.case(
                    'softmaxCrossEntropy',
                    f'{case}, {np.dtype(kind).name} labels, {reduction}',
                    [real(size), whole(labels_size, 0, size[-1], kind)],
                    entropy,
                    attributes,
                )
            family.case(
                'softmaxCrossEntropy',
                f'{case}, probabilities, {reduction}',
                [real(size), probabilities(*size)],
                entropy,
                attributes,
            )
        family.case(
            'softmaxCrossEntropy', f'one-hot, {reduction}', [real((4, 3)), np.eye(3)[[2, 0, 1, 2]]], entropy, attributes
        )
        extreme = np.array([[800.0, -800, 0], [800, -800, 0], [-800, -800, -800], [1000, 1001, 1000], [0, -800, 800]])
        family.case(
            'softmaxCrossEntropy',
            f'extreme, int64 labels, {reduction}',
            [extreme, np.array([0, 1, 2, 1, 0])],
            entropy,
            attributes,
        )
        family.case(
            'softmaxCrossEntropy',
            f'extreme, probabilities, {reduction}',
            [extreme, np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0, 1], [0.25, 0.5, 0.25], [1, 0, 0]])],
            entropy,
            attributes,
        )
