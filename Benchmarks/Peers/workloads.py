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

# A layer's arrays are its name with .w (weight) and .b (bias), of a normalisation .g (gain) and .b (shift). They are drawn in PyTorch's
# arrangement: (outputs, inputs), of convolutions (outputs, inputs, height, width), of transposed ones (inputs, outputs, …).

# `reads` and `writes`: the image (channels, height, width) whose numbers the inputs or the outputs are.
Dense = namedtuple('Dense', 'name inputs outputs bias reads writes', defaults=(True, None, None))
Conv = namedtuple('Conv', 'name inputs outputs size stride padding bias', defaults=(1, 0, False))
# 4 x 4, stride 2, padding 1: doubles an image.
Transposed = namedtuple('Transposed', 'name inputs outputs bias', defaults=(False,))
Norm = namedtuple('Norm', 'name features')
# relu(body(x) + shortcut(x)); without a shortcut the input itself.
Residual = namedtuple('Residual', 'body shortcut')
# Arrays of a network that is no stack of layers: normal with a deviation, uniform within 1 / sqrt(inputs), or ones.
Array = namedtuple('Array', 'name shape normal inputs', defaults=(None, None))
# 'unflatten' makes images of 128 channels of 7 x 7, 'pool' takes the largest of each 2 x 2, 'mean' the mean over all places.
SIMPLE = ('relu', 'tanh', 'leaky', 'dropout', 'pool', 'flatten', 'unflatten', 'mean')


class Network:
    """A stack of layers, or arrays for a network that every script builds in its own way: `kind` is stack, gan, lstm or gpt."""

    def __init__(self, layers, batch, loss, optimizer, rate, kind='stack', critic=(), decay=0, betas=(0.9, 0.999)):
        self.layers, self.batch, self.loss, self.optimizer, self.rate = layers, batch, loss, optimizer, rate
        self.kind, self.critic, self.decay, self.betas = kind, critic, decay, betas

    @property
    def parameter_count(self):
        """What the definitions make."""
        return sum(int(np.prod(shape)) for _, shape, _ in shapes([*self.layers, *self.critic]))


def perceptron(widths, *arguments, activation='relu', normalized=False):
    """Dense layers. With `normalized`, hidden layers are batch-normalised before the activation, and half of their units are dropped
    after it."""
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:]), 1):
        is_last = i + 1 == len(widths)
        layers.append(Dense(f'fc{i}', inputs, outputs, bias=is_last or not normalized))
        if not is_last:
            layers += [Norm(f'bn{i}', outputs), activation, 'dropout'] if normalized else [activation]
    net = Network(layers, *arguments)
    net.widths, net.activation, net.normalized = widths, activation, normalized
    return net


def normed(name, inputs, outputs, size=3, stride=1):
    return [Conv(name, inputs, outputs, size, stride, padding=size // 2), Norm(name + 'n', outputs)]


def residual(number, inputs, outputs, stride):
    name = f'r{number}'
    body = [*normed(name + 'a', inputs, outputs, stride=stride), 'relu', *normed(name + 'b', outputs, outputs)]
    is_same = inputs == outputs and stride == 1
    return Residual(body, [] if is_same else normed(name + 's', inputs, outputs, 1, stride))


LENET_LAYERS = [
    Conv('c1', 1, 6, 5, padding=2, bias=True), 'relu', 'pool', Conv('c2', 6, 16, 5, bias=True), 'relu', 'pool', 'flatten',
    Dense('fc1', 400, 120, reads=(16, 5, 5)), 'relu', Dense('fc2', 120, 84), 'relu', Dense('fc3', 84, 10),
]
CNN_LAYERS = [
    layer for k, (i, o) in enumerate(((3, 32), (32, 64), (64, 128)))
    for layer in (*normed(f'c{k}a', i, o), 'relu', *normed(f'c{k}b', o, o), 'relu', 'pool')
] + ['mean', Dense('fc', 128, 10)]
RESIDUALS = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))
RESNET_LAYERS = [
    *normed('stem', 3, 64), 'relu', *(residual(k, *sizes) for k, sizes in enumerate(RESIDUALS)), 'mean', Dense('fc', 512, 10),
]
GENERATOR = [
    Dense('G.fc', 100, 6272, bias=False, writes=(128, 7, 7)), 'unflatten', Norm('G.n1', 128), 'relu',
    Transposed('G.t1', 128, 64), Norm('G.n2', 64), 'relu', Transposed('G.t2', 64, 1, bias=True), 'tanh',
]
CRITIC = [
    Conv('D.c1', 1, 64, 4, 2, 1, bias=True), 'leaky', Conv('D.c2', 64, 128, 4, 2, 1), Norm('D.n', 128), 'leaky', 'flatten',
    Dense('D.fc', 6272, 1, reads=(128, 7, 7)),
]
# One LSTM layer; its gates are the input, forget, cell and output gates, with one bias.
LSTM_ARRAYS = [
    Array('emb', (65, 128), normal=1), Array('w_ih', (1024, 128), inputs=256), Array('w_hh', (1024, 256), inputs=256),
    Array('b', (1024,), inputs=256), Array('head.w', (65, 256), inputs=256), Array('head.b', (65,), inputs=256),
]
# Four blocks of four heads without biases; the output of the last is multiplied by the embedding again.
BLOCKS, HEADS, WIDTH, CONTEXT, CHARACTERS = 4, 4, 128, 64, 65
# What is added to the residual stream starts smaller.
SMALL = 0.02 / (2 * BLOCKS) ** 0.5
GPT_ARRAYS = [Array('wte', (CHARACTERS, WIDTH), normal=0.02), Array('wpe', (CONTEXT, WIDTH), normal=0.02)] + [
    array for k in range(BLOCKS) for array in (
        Array(f'h{k}.ln1', (WIDTH,)), Array(f'h{k}.qkv', (3 * WIDTH, WIDTH), normal=0.02),
        Array(f'h{k}.proj', (WIDTH, WIDTH), normal=SMALL), Array(f'h{k}.ln2', (WIDTH,)),
        Array(f'h{k}.fc', (4 * WIDTH, WIDTH), normal=0.02), Array(f'h{k}.mlp', (WIDTH, 4 * WIDTH), normal=SMALL),
    )
] + [Array('lnf', (WIDTH,))]

MLP = perceptron([784, 512, 512, 10], 128, 'softmax', 'adam', 1e-3)
LENET = Network(LENET_LAYERS, 128, 'softmax', 'momentum', 0.01)
TRAINING = {
    'planar': perceptron([2, 4, 1], 400, 'binary', 'sgd', 1.2, activation='tanh'),
    'softmax784': perceptron([784, 10], 128, 'softmax', 'sgd', 0.1),
    'mlp784': MLP,
    'mlpbn': perceptron([784, 1024, 1024, 10], 256, 'softmax', 'momentum', 0.01, normalized=True),
    'twolayer': perceptron([1000, 100, 10], 64, 'squared', 'adam', 1e-4),
    'lenet': LENET,
    'cnn32': Network(CNN_LAYERS, 64, 'softmax', 'adam', 1e-3),
    'resnet18': Network(RESNET_LAYERS, 32, 'softmax', 'momentum', 0.01, decay=5e-4),
    'charlstm': Network(LSTM_ARRAYS, 64, 'softmax', 'adam', 1e-3, kind='lstm'),
    'chargpt': Network(GPT_ARRAYS, 12, 'softmax', 'adamw', 1e-3, kind='gpt', decay=0.1, betas=(0.9, 0.99)),
    'autoenc': perceptron([784, 256, 64, 256, 784], 256, 'binary', 'adam', 1e-3),
    'dcgan': Network(GENERATOR, 64, 'gan', 'adam', 2e-4, kind='gan', critic=CRITIC, betas=(0.5, 0.999)),
}
# The networks of mlp784 and lenet predict one sample: again and again, or once in the life of a process.
PREDICTION = {'infer1-mlp': MLP, 'infer1-lenet': LENET, 'coldstart': MLP}
SIZES = (64, 128, 256, 512, 1024, 2048)
# Of batch normalisation and dropout.
EPSILON, STATISTICS_MOMENTUM, DROPPED = 1e-5, 0.1, 0.5
MOMENTUM, LEAK = 0.9, 0.2


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


def shapes(layers):
    """Name, shape and Array of how it starts, of all arrays of some layers."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from shapes([*layer.body, *layer.shortcut])
        elif isinstance(layer, Norm):
            yield from ((layer.name + end, (layer.features,), None) for end in ('.g', '.b'))
        elif isinstance(layer, Array):
            yield layer.name, layer.shape, layer
        elif layer not in SIMPLE:
            if isinstance(layer, Dense):
                shape = layer.outputs, layer.inputs
            elif isinstance(layer, Conv):
                shape = layer.outputs, layer.inputs, layer.size, layer.size
            else:
                shape = layer.inputs, layer.outputs, 4, 4
            start = Array(layer.name, shape, inputs=int(np.prod(shape[1:])))
            yield layer.name + '.w', shape, start
            if layer.bias:
                yield layer.name + '.b', (layer.outputs,), start


def parameters(net):
    """All arrays by their names, as they start."""
    random = np.random.RandomState(1234)
    found = {}
    for name, shape, start in shapes([*net.layers, *net.critic]):
        if start is None or start.normal is None and start.inputs is None:
            value = np.zeros(shape) if name.endswith('.b') else np.ones(shape)
        elif options.workload == 'planar':
            value = np.zeros(shape) if name.endswith('.b') else random.randn(*shape) * 0.01
        elif start.normal is not None:
            value = random.randn(*shape) * start.normal
        else:
            value = random.uniform(-1, 1, shape) / start.inputs**0.5
        found[name] = value.astype(np.float32)
    return found


def batch(net):
    """Inputs and targets (labels are int32), images as (n, channels, height, width); for a prediction one sample and no target."""
    if options.workload == 'planar':
        return flower()
    random = np.random.RandomState(7)
    if net.kind in ('lstm', 'gpt'):
        return tuple(random.randint(0, CHARACTERS, (net.batch, CONTEXT)).astype(np.int32) for _ in range(2))
    if net.kind == 'gan':
        images = np.tanh(random.randn(net.batch, 1, 28, 28).astype(np.float32))
        return images, random.randn(net.batch, 100).astype(np.float32)
    first = net.layers[0]
    if isinstance(first, Dense):
        shape = (first.inputs,)
    else:
        shape = (1, 28, 28) if net is LENET else (3, 32, 32)
    if predicts():
        return random.randn(1, *shape).astype(np.float32), None
    if options.workload == 'autoenc':
        x = random.random_sample((net.batch, *shape)).astype(np.float32)
        return x, x
    x = random.randn(net.batch, *shape).astype(np.float32)
    if net.loss == 'squared':
        return x, random.randn(net.batch, net.widths[-1]).astype(np.float32)
    return x, random.randint(0, 10, net.batch).astype(np.int32)


def channels_last(image):
    """(n, channels, height, width) to (n, height, width, channels); anything else as it is."""
    return np.ascontiguousarray(image.transpose(0, 2, 3, 1)) if image.ndim == 4 else image


def channels_last_weight(layer, weight):
    """The weight of a dense layer whose inputs or outputs are images that lie channels last."""
    if layer.reads:
        weight = weight.reshape(-1, *layer.reads).transpose(0, 2, 3, 1).reshape(weight.shape)
    if layer.writes:
        weight = weight.reshape(*layer.writes, -1).transpose(1, 2, 0, 3).reshape(weight.shape)
    return weight


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
