"""NumPy: forward and backward by hand, as somebody who knows NumPy writes it for speed.

Columns are the examples, so that also narrow layers have long rows. Parameters lie in one flat array, so that the
optimiser is a few calls; large arrays are reused from step to step.
"""

from timing import measure, measure_products, predict
from workloads import DROPPED, EPSILON, MOMENTUM, STATISTICS_MOMENTUM
from workloads import batch, chosen_mode, matrices, network, options, parameters, predicts

import numpy as np

mode = chosen_mode('eager')

if options.workload == 'gemm':

    def make(n):
        a, b = matrices(n)
        c = np.empty_like(a)
        return lambda: np.matmul(a, b, out=c)

    measure_products('numpy', np.__version__, mode, make)
    raise SystemExit

net = network()
x, target = batch(net)
count = len(x)
examples = np.arange(count)
x = np.ascontiguousarray(x.T)
one = np.float32(1)


def views(flat, shapes):
    arrays, begin = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(flat[begin : begin + size].reshape(shape))
        begin += size
    return arrays


# Weight and bias of every layer, a normalisation's shift for a bias, then the gains.
arrays = parameters(net)
layers = len(net.widths) - 1
start = [
    array for i in range(1, layers + 1) for array in (arrays[f'fc{i}.w'], arrays[f'fc{i}.b' if f'fc{i}.b' in arrays else f'bn{i}.b'])
]
start += [array for name, array in arrays.items() if name.endswith('.g')]
shapes = [array.shape if array.ndim == 2 else (len(array), 1) for array in start]
values = np.concatenate([array.ravel() for array in start])
gradients = np.empty_like(values)
pairs = 2 * layers


def by_kind(arrays):
    return arrays[0:pairs:2], arrays[1:pairs:2], arrays[pairs:]


weights, biases, gains = by_kind(views(values, shapes))
weight_gradients, bias_gradients, gain_gradients = by_kind(views(gradients, shapes))

outputs = [np.empty((width, count), np.float32) for width in net.widths[1:]]
deltas = [np.empty_like(output) for output in outputs]


class Normalization:
    """Batch normalisation of one layer, in place; its shift is the layer's bias."""

    def __init__(self, layer):
        self.gain, self.shift = gains[layer], biases[layer]
        self.gain_gradient, self.shift_gradient = gain_gradients[layer], bias_gradients[layer]
        self.normal = np.empty_like(outputs[layer])
        self.work = np.empty_like(self.normal)
        self.mean, self.variance = np.zeros_like(self.gain), np.ones_like(self.gain)

    def forward(self, z):
        mean = z.mean(axis=1, keepdims=True)
        np.subtract(z, mean, out=self.normal)
        variance = np.einsum('ij,ij->i', self.normal, self.normal)[:, None] / np.float32(count)
        self.scale = one / np.sqrt(variance + np.float32(EPSILON))
        self.normal *= self.scale
        np.multiply(self.normal, self.gain, out=z)
        z += self.shift
        self.mean += np.float32(STATISTICS_MOMENTUM) * (mean - self.mean)
        self.variance += np.float32(STATISTICS_MOMENTUM) * (variance - self.variance)

    def backward(self, delta):
        self.shift_gradient[...] = delta.sum(axis=1, keepdims=True)
        self.gain_gradient[...] = np.einsum('ij,ij->i', delta, self.normal)[:, None]
        delta -= self.shift_gradient / np.float32(count)
        delta -= np.multiply(self.normal, self.gain_gradient / np.float32(count), out=self.work)
        delta *= self.gain * self.scale


normalizations = [Normalization(layer) for layer in range(len(gains))]
random = np.random.default_rng(0)
kept_scale = np.float32(1 / (1 - DROPPED))


def forward():
    a = x
    for i, z in enumerate(outputs):
        np.matmul(weights[i], a, out=z)
        if normalizations and i + 1 < len(outputs):
            normalizations[i].forward(z)
        else:
            z += biases[i]
        if i + 1 < len(outputs):
            np.tanh(z, out=z) if net.activation == 'tanh' else np.maximum(z, 0, out=z)
            if normalizations:
                z *= (random.random(z.shape, np.float32) >= np.float32(DROPPED)) * kept_scale
        a = z
    return a


if predicts():
    predict('numpy', np.__version__, mode, forward, net, parameters=values.size)
    raise SystemExit

target = np.ascontiguousarray(target.T)


def softmax_loss(z, dz):
    z -= z.max(axis=0)
    chosen = z[target, examples]
    np.exp(z, out=dz)
    sums = dz.sum(axis=0)
    loss = np.mean(np.log(sums) - chosen)
    dz /= sums
    dz[target, examples] -= one
    dz *= one / np.float32(count)
    return loss


def binary_loss(z, dz):
    # max(z, 0) - y z + ln(1 + e^-|z|), with the slope sigmoid(z) - y
    small = np.abs(z)
    np.negative(small, out=small)
    np.exp(small, out=small)
    np.maximum(z, 0, out=dz)
    dz -= z * target
    dz += np.log1p(small)
    loss = dz.mean()
    np.divide(np.where(z >= 0, one, small), one + small, out=dz)
    dz -= target
    dz *= one / np.float32(dz.size)
    return loss


def squared_loss(z, dz):
    np.subtract(z, target, out=dz)
    loss = np.vdot(dz, dz)
    dz *= np.float32(2)
    return loss


def backward():
    for i in reversed(range(len(outputs))):
        delta = deltas[i]
        if normalizations and i + 1 < len(outputs):
            normalizations[i].backward(delta)
        else:
            np.sum(delta, axis=1, keepdims=True, out=bias_gradients[i])
        np.matmul(delta, (outputs[i - 1] if i else x).T, out=weight_gradients[i])
        if i:
            np.matmul(weights[i].T, delta, out=deltas[i - 1])
            a = outputs[i - 1]
            if net.activation == 'tanh':
                deltas[i - 1] *= one - a * a
            else:  # what was dropped is 0 as well
                deltas[i - 1] *= (a > 0) * kept_scale if normalizations else a > 0


class SGD:
    def __init__(self):
        self.scaled = np.empty_like(values)

    def update(self):
        np.multiply(gradients, np.float32(net.rate), out=self.scaled)
        np.subtract(values, self.scaled, out=values)


class Momentum:
    def __init__(self):
        self.velocity, self.scaled = np.zeros_like(values), np.empty_like(values)

    def update(self):
        self.velocity *= np.float32(MOMENTUM)
        self.velocity += gradients
        np.multiply(self.velocity, np.float32(net.rate), out=self.scaled)
        np.subtract(values, self.scaled, out=values)


class Adam:
    def __init__(self):
        self.steps = 0
        self.m, self.v = np.zeros_like(values), np.zeros_like(values)
        self.work, self.change = np.empty_like(values), np.empty_like(values)

    def update(self):
        self.steps += 1
        f = np.float32
        self.m *= f(0.9)
        self.m += np.multiply(gradients, f(0.1), out=self.work)
        self.v *= f(0.999)
        np.multiply(gradients, gradients, out=self.work)
        self.work *= f(0.001)
        self.v += self.work
        np.multiply(self.v, f(1 / (1 - 0.999**self.steps)), out=self.work)
        np.sqrt(self.work, out=self.work)
        self.work += f(1e-8)
        np.multiply(self.m, f(net.rate / (1 - 0.9**self.steps)), out=self.change)
        self.change /= self.work
        np.subtract(values, self.change, out=values)


loss_function = {'softmax': softmax_loss, 'binary': binary_loss, 'squared': squared_loss}[net.loss]
optimizer = {'sgd': SGD, 'momentum': Momentum, 'adam': Adam}[net.optimizer]()


def step():
    loss = loss_function(forward(), deltas[-1])
    backward()
    optimizer.update()
    return loss


measure('numpy', np.__version__, mode, step, net, parameters=values.size)
