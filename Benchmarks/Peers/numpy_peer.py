"""NumPy: forward and backward by hand, as somebody who knows NumPy writes it for speed.

Columns are the examples, so that also narrow layers have long rows. Parameters lie in one flat array, so that the
optimiser is a few calls; large arrays are reused from step to step.
"""

from workloads import batch, matrices, measure, measure_products, network, options, parameters

import numpy as np

if options.mode not in (None, 'eager'):
    raise SystemExit(f'There is no mode "{options.mode}"; expected eager.')

if options.workload == 'gemm':

    def make(n):
        a, b = matrices(n)
        c = np.empty_like(a)
        return lambda: np.matmul(a, b, out=c)

    measure_products('numpy', np.__version__, 'eager', make)
    raise SystemExit

net = network()
x, target = batch(net)
count = len(x)
examples = np.arange(count)
x = np.ascontiguousarray(x.T)
target = np.ascontiguousarray(target.T)
one = np.float32(1)


def views(flat, shapes):
    arrays, begin = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(flat[begin : begin + size].reshape(shape))
        begin += size
    return arrays


start = [array for layer in parameters(net) for array in layer]
shapes = [array.shape for array in start]
values = np.concatenate([array.ravel() for array in start])
gradients = np.empty_like(values)
weights, biases = views(values, shapes)[::2], [b[:, None] for b in views(values, shapes)[1::2]]
weight_gradients, bias_gradients = views(gradients, shapes)[::2], views(gradients, shapes)[1::2]

outputs = [np.empty((width, count), np.float32) for width in net.widths[1:]]
deltas = [np.empty_like(output) for output in outputs]


def forward():
    a = x
    for i, z in enumerate(outputs):
        np.matmul(weights[i], a, out=z)
        z += biases[i]
        if i + 1 < len(outputs):
            np.tanh(z, out=z) if net.activation == 'tanh' else np.maximum(z, 0, out=z)
        a = z
    return a


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
        np.matmul(delta, (outputs[i - 1] if i else x).T, out=weight_gradients[i])
        np.sum(delta, axis=1, out=bias_gradients[i])
        if i:
            np.matmul(weights[i].T, delta, out=deltas[i - 1])
            a = outputs[i - 1]
            deltas[i - 1] *= one - a * a if net.activation == 'tanh' else a > 0


class SGD:
    def __init__(self):
        self.scaled = np.empty_like(values)

    def update(self):
        np.multiply(gradients, np.float32(net.rate), out=self.scaled)
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
optimizer = SGD() if net.optimizer == 'sgd' else Adam()


def step():
    loss = loss_function(forward(), deltas[-1])
    backward()
    optimizer.update()
    return loss


measure('numpy', np.__version__, 'eager', step, net)
