"""Makes losses.jsonl: values and gradients of the losses, by PyTorch in float64 where it has them, by their formula elsewhere.

Run:    python make_losses.py            (writes beside this file; deterministic)
Needs:  numpy, torch. The file at hand was made with torch 2.13.0 (CPU).

The format is that of ApusCoreTests/Fixtures (README.md there). `weighted` cases have one input more, the weight of each example, and are
the weighted mean, which PyTorch's losses with class weights also are; it is computed here from the unreduced loss.
"""

import os, sys

import numpy as np
import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, '..', '..', 'ApusCoreTests', 'Fixtures'))
from fixture_writer import Family, real, whole  # noqa: E402


def simplex(*size):
    return lambda random: random.dirichlet(np.full(size[-1], 2.0), size=size[:-1])


def inside(*size):
    return lambda random: random.randint(1, 64, size) / 64


def zero_one(*size):
    return whole(size, 0, 2, np.float64)


def signs(*size):
    return lambda random: 2.0 * random.randint(0, 2, size) - 1


def counts(*size):
    return whole(size, 0, 5, np.float64)


def positive(*size):
    return lambda random: random.randint(8, 128, size) / 32


def perceptron(f, t):
    return ((f >= 0).double().detach() - t) * f


def log_cosh(p, t):
    return torch.log(torch.cosh(p - t))


def smooth(target, epsilon):
    return target * (1 - epsilon) + epsilon / 2


# name: (shape-taking samplers, unreduced loss, which inputs have gradients, attributes)
ELEMENTS = {
    'meanSquaredError': ((real, real), lambda p, t: F.mse_loss(p, t, reduction='none'), True, {}),
    'halfMeanSquaredError': ((real, real), lambda p, t: 0.5 * (p - t) ** 2, True, {}),
    'meanAbsoluteError': ((real, real), lambda p, t: F.l1_loss(p, t, reduction='none'), True, {}),
    'huber': ((real, real), lambda p, t: F.huber_loss(p, t, reduction='none', delta=0.75), True, dict(delta=0.75)),
    'smoothL1': ((real, real), lambda p, t: F.smooth_l1_loss(p, t, reduction='none', beta=1.5), True, dict(beta=1.5)),
    'logCosh': ((real, real), log_cosh, True, {}),
    'poissonLog': (
        (real, counts),
        lambda p, t: F.poisson_nll_loss(p, t, log_input=True, full=False, reduction='none'),
        (True, False),
        {},
    ),
    'poisson': (
        (positive, counts),
        lambda p, t: F.poisson_nll_loss(p, t, log_input=False, full=False, eps=0, reduction='none'),
        (True, False),
        {},
    ),
    'gaussian': (
        (real, positive, real),
        lambda p, v, t: F.gaussian_nll_loss(p, t, v, full=False, eps=1e-12, reduction='none'),
        True,
        {},
    ),
    'hinge': ((real, signs), lambda f, t: torch.relu(1 - t * f), (True, False), {}),
    'squaredHinge': ((real, signs), lambda f, t: torch.relu(1 - t * f) ** 2, (True, False), {}),
    'perceptron': ((real, zero_one), perceptron, (True, False), {}),
    'binaryLogits': (
        (real, inside),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction='none'),
        True,
        {},
    ),
    'binaryProbabilities': (
        (inside, zero_one),
        lambda p, t: F.binary_cross_entropy(p, t, reduction='none'),
        (True, False),
        {},
    ),
    'binarySmooth': (
        (real, zero_one),
        lambda z, t: F.binary_cross_entropy_with_logits(z, smooth(t, 0.1), reduction='none'),
        True,
        dict(smoothing=0.1),
    ),
    'binaryPositive': (
        (real, zero_one),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, pos_weight=torch.tensor(3.0), reduction='none'),
        True,
        dict(positive=3),
    ),
}

CLASS_WEIGHTS = [0.5, 2.0, 1.0, 0.25]


def rows(z, labels, weights, epsilon, reduction):
    weights = torch.tensor(CLASS_WEIGHTS, dtype=torch.float64) if weights else None
    return F.cross_entropy(z, labels, weight=weights, label_smoothing=epsilon, reduction=reduction)


def reduced(losses, reduction):
    return {'none': losses, 'sum': losses.sum(), 'mean': losses.mean()}[reduction]


def weighted(losses, weights):
    weights = weights.reshape(weights.shape + (1,) * (losses.dim() - weights.dim()))
    return (losses * weights).sum() / weights.expand_as(losses).sum()


def make(family):
    for name, (samplers, loss, gradient, attributes) in ELEMENTS.items():
        flags = [gradient] * len(samplers) if isinstance(gradient, bool) else list(gradient)

        def inputs(*size):
            return [s(size) if s is real else s(*size) for s in samplers]

        for reduction in ('none', 'sum', 'mean'):
            for case, size in (('matrix', (3, 4)), ('odd', (19,)), ('one', (1, 1))):
                family.case(
                    name,
                    f'{case}, {reduction}',
                    inputs(*size),
                    lambda *x: reduced(loss(*x), reduction),
                    dict(reduction=reduction, **attributes),
                    gradient=flags,
                )
        for case, size, weights in (('rows', (5, 3), (5,)), ('elements', (4, 2), (4, 2))):
            family.case(
                name,
                f'weighted {case}',
                inputs(*size) + [positive(*weights)],
                lambda *x: weighted(loss(*x[:-1]), x[-1]),
                dict(reduction='mean', weighted=1, **attributes),
                gradient=flags + [False],
            )

    for reduction in ('none', 'sum', 'mean'):
        for weights in (0, 1):
            for epsilon in (0.0, 0.2):
                attributes = dict(reduction=reduction, classWeights=weights, smoothing=epsilon)
                family.case(
                    'softmaxLabels',
                    f'{"weights, " if weights else ""}{epsilon}, {reduction}',
                    [real((6, 4)), whole((6,), 0, 4)],
                    lambda z, y: rows(z, y, weights, epsilon, reduction),
                    attributes,
                )
                family.case(
                    'softmaxTarget',
                    f'{"weights, " if weights else ""}{epsilon}, {reduction}',
                    [real((6, 4)), simplex(6, 4)],
                    lambda z, t: rows(z, t, weights, epsilon, reduction),
                    attributes,
                    gradient=[True, False],
                )
            family.case(
                'negativeLogLikelihood',
                f'{"weights, " if weights else ""}{reduction}',
                [real((5, 4), -4, 0), whole((5,), 0, 4)],
                lambda l, y: F.nll_loss(
                    l, y, weight=torch.tensor(CLASS_WEIGHTS, dtype=torch.float64) if weights else None, reduction=reduction
                ),
                dict(reduction=reduction, classWeights=weights),
            )
        family.case(
            'categoricalLabels',
            reduction,
            [simplex(5, 4), whole((5,), 0, 4)],
            lambda p, y: F.nll_loss(torch.log(p), y, reduction=reduction),
            dict(reduction=reduction),
        )
        family.case(
            'categoricalTarget',
            reduction,
            [simplex(5, 4), simplex(5, 4)],
            lambda p, t: reduced(-(t * torch.log(p)).sum(-1), reduction),
            dict(reduction=reduction),
        )
        family.case(
            'kullbackLeibler',
            reduction,
            [real((5, 4), -4, 0), simplex(5, 4)],
            lambda l, t: reduced(F.kl_div(l, t, reduction='none').sum(-1), reduction),
            dict(reduction=reduction),
        )
        family.case(
            'cosine',
            reduction,
            [real((5, 4)), real((5, 4))],
            lambda a, b: reduced(1 - F.cosine_similarity(a, b, dim=-1), reduction),
            dict(reduction=reduction),
        )
    family.case(
        'kullbackLeibler',
        'batchmean with zeros',
        [real((3, 3), -4, 0), np.array([[1.0, 0, 0], [0, 0.5, 0.5], [0.25, 0.5, 0.25]])],
        lambda l, t: F.kl_div(l, t, reduction='batchmean'),
        dict(reduction='mean'),
        gradient=[True, False],
    )


if __name__ == '__main__':
    family = Family('losses')
    make(family)
    # The writer puts its files beside itself.
    path = os.path.join(here, 'losses.jsonl')
    with open(path, 'w') as file:
        file.write('\n'.join(family.lines) + '\n')
    print(f'{len(family.lines)} cases, {os.path.getsize(path):,} bytes')
