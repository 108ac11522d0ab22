"""MLX. Modes: compile (a training step as one compiled function), eager."""

from timing import measure, measure_products, predict
from workloads import MOMENTUM, batch, channels_last, chosen_mode, matrices, network, options, parameters, predicts

import mlx.core as mx
import numpy as np
from mlx import nn, optimizers, utils

mode = chosen_mode('compile', 'eager')
version = mx.__version__

if options.workload == 'gemm':

    def make(n):
        a, b = map(mx.array, matrices(n))
        mx.eval(a, b)
        return lambda: mx.eval(a @ b)

    measure_products('mlx', version, mode, make)
    raise SystemExit

from mlx_networks import network as build  # noqa: E402 (products start without)

net = network()
arrays = parameters(net)
model = build(net, arrays)
count = sum(value.size for _, value in utils.tree_flatten(model.trainable_parameters()))
x, target = batch(net)
x = mx.array(channels_last(x))
mx.eval(model.parameters(), x)

if predicts():
    model.eval()
    run = mx.compile(model) if mode == 'compile' else model

    def prediction():
        out = run(x)
        mx.eval(out)
        return out

    predict('mlx', version, mode, prediction, net, parameters=count, outputs=np.array)
    raise SystemExit

target = mx.array(target)
criterion = {
    'softmax': lambda z, y: nn.losses.cross_entropy(z, y, reduction='mean'),
    'binary': lambda z, y: nn.losses.binary_cross_entropy(z, y, with_logits=True, reduction='mean'),
    'squared': lambda z, y: mx.sum(mx.square(z - y)),
}[net.loss]
if net.optimizer == 'adam':
    optimizer = optimizers.Adam(net.rate, bias_correction=True)
elif net.optimizer == 'adamw':  # matrices alone decay
    forms = [optimizers.AdamW(net.rate, list(net.betas), weight_decay=decay, bias_correction=True) for decay in (net.decay, 0)]
    optimizer = optimizers.MultiOptimizer(forms, [lambda name, value: value.ndim > 1])
else:
    optimizer = optimizers.SGD(net.rate, momentum=MOMENTUM if net.optimizer == 'momentum' else 0)
optimizer.init(model.trainable_parameters())
loss_and_gradient = nn.value_and_grad(model, lambda x, target: criterion(model(x), target))
state = [model.state, optimizer.state, mx.random.state]


def train(x, target):
    loss, gradients = loss_and_gradient(x, target)
    optimizer.update(model, gradients)
    return loss


if mode == 'compile':
    train = mx.compile(train, inputs=state, outputs=state)


def step():
    loss = train(x, target)
    mx.eval(loss, state)
    return loss


measure('mlx', version, mode, step, net, parameters=count, losses=lambda loss: [loss.item()])
