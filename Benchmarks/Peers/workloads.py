"""The networks of all peers, with their initial parameters and data, and the options of every script.

Import this before the framework: it sets the number of threads. The definitions are those of
Sources/ApusTestSupport/Workloads.swift.
"""

import argparse
import os
from collections import namedtuple

parser = argparse.ArgumentParser()
parser.add_argument('--workload', required=True)
parser.add_argument('--mode')
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--seconds', type=float, default=4)
options = parser.parse_args()

for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS'):
    os.environ[name] = str(options.threads)
# Libraries find out by themselves what suits the processor.
for name in ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'):
    os.environ.pop(name, None)
# XLA takes as many threads as the process may use processors.
if hasattr(os, 'sched_setaffinity'):
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[: options.threads])

import numpy as np  # noqa: E402 (after the environment)


class Network:
    """Dense layers. With `normalized`, hidden layers are batch-normalised before the activation, and half of their units
    are dropped after it."""

    def __init__(self, widths, batch, loss, optimizer, rate, activation='relu', normalized=False):
        self.widths, self.batch, self.loss, self.optimizer, self.rate = widths, batch, loss, optimizer, rate
        self.activation, self.normalized = activation, normalized

    @property
    def parameter_count(self):
        """What the widths make; a normalised layer has a gain and a shift for each unit in place of the bias."""
        dense = sum((inputs + 1) * outputs for inputs, outputs in zip(self.widths, self.widths[1:]))
        return dense + (sum(self.widths[1:-1]) if self.normalized else 0)


# One layer's parameters, float32: a weight of shape (outputs, inputs), a bias, and a gain if the layer is normalised.
Layer = namedtuple('Layer', 'weight bias gain')

MLP = Network([784, 512, 512, 10], 128, 'softmax', 'adam', 1e-3)
TRAINING = {
    'planar': Network([2, 4, 1], 400, 'binary', 'sgd', 1.2, activation='tanh'),
    'softmax784': Network([784, 10], 128, 'softmax', 'sgd', 0.1),
    'mlp784': MLP,
    'mlpbn': Network([784, 1024, 1024, 10], 256, 'softmax', 'momentum', 0.01, normalized=True),
    'twolayer': Network([1000, 100, 10], 64, 'squared', 'adam', 1e-4),
    'autoenc': Network([784, 256, 64, 256, 784], 256, 'binary', 'adam', 1e-3),
}
# The network of mlp784 predicts one sample: again and again, or once in the life of a process.
PREDICTION = {'infer1-mlp': MLP, 'coldstart': MLP}
SIZES = (64, 128, 256, 512, 1024, 2048)
# Of batch normalisation and dropout.
EPSILON, STATISTICS_MOMENTUM, DROPPED = 1e-5, 0.1, 0.5
MOMENTUM = 0.9


def unknown(what, value, known):
    return SystemExit(f'There is no {what} "{value}"; expected one of {", ".join(known)}.')


def chosen_mode(*known):
    """The mode asked for, the first one if none was."""
    if options.mode not in (None, *known):
        raise unknown('mode', options.mode, known)
    return options.mode or known[0]


def network():
    known = {**TRAINING, **PREDICTION}
    if options.workload not in known:
        raise unknown('workload', options.workload, [*known, 'gemm'])
    return known[options.workload]


def predicts():
    return options.workload in PREDICTION


def parameters(net):
    """The layers as they start."""
    random = np.random.RandomState(1234)
    layers = []
    for i, (inputs, outputs) in enumerate(zip(net.widths, net.widths[1:])):
        normalized = net.normalized and i + 2 < len(net.widths)
        if options.workload == 'planar':
            weight, bias = random.randn(outputs, inputs) * 0.01, np.zeros(outputs)
        else:
            weight = random.uniform(-1, 1, (outputs, inputs)) / inputs**0.5
            bias = np.zeros(outputs) if normalized else random.uniform(-1, 1, outputs) / inputs**0.5
        gain = np.ones(outputs, np.float32) if normalized else None
        layers.append(Layer(weight.astype(np.float32), bias.astype(np.float32), gain))
    return layers


def batch(net):
    """Inputs and targets (labels are int32); for a prediction one sample and no target."""
    if options.workload == 'planar':
        return flower()
    random = np.random.RandomState(7)
    inputs = net.widths[0]
    if predicts():
        return random.randn(1, inputs).astype(np.float32), None
    if options.workload == 'autoenc':
        x = random.random_sample((net.batch, inputs)).astype(np.float32)
        return x, x
    x = random.randn(net.batch, inputs).astype(np.float32)
    if net.loss == 'squared':
        return x, random.randn(net.batch, net.widths[-1]).astype(np.float32)
    return x, random.randint(0, 10, net.batch).astype(np.int32)


def flower():
    random = np.random.RandomState(1)
    points, labels = [], []
    for label in (0, 1):
        angle = np.linspace(label * 3.12, (label + 1) * 3.12, 200) + random.randn(200) * 0.2
        radius = 4 * np.sin(4 * angle) + random.randn(200) * 0.2
        points.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
        labels.append(np.full((200, 1), label))
    return np.concatenate(points).astype(np.float32), np.concatenate(labels).astype(np.float32)


def matrices(n):
    random = np.random.RandomState(0)
    return random.randn(n, n).astype(np.float32), random.randn(n, n).astype(np.float32)
