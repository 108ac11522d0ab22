"""JAX with optax. Modes: step (one compiled step for each call, the state donated), scan (20 steps in one compiled
call; the time is that of one step)."""

import os

from timing import measure, measure_products, predict
from workloads import DROPPED, EPSILON, MOMENTUM, STATISTICS_MOMENTUM
from workloads import batch, chosen_mode, matrices, network, options, parameters, predicts

os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

mode = chosen_mode('step', 'scan')
# The random numbers that XLA makes fastest, for dropout.
jax.config.update('jax_default_prng_impl', 'rbg')

if options.workload == 'gemm':
    product = jax.jit(jnp.matmul)

    def make(n):
        a, b = map(jnp.asarray, matrices(n))
        return lambda: product(a, b).block_until_ready()

    measure_products('jax', jax.__version__, mode, make)
    raise SystemExit

net = network()
activation = jnp.tanh if net.activation == 'tanh' else jax.nn.relu
# Weights are stored (inputs, outputs), which XLA multiplies by without a transposition.
start = [
    {name: jnp.array(value.T, copy=True) for name, value in layer._asdict().items() if value is not None}
    for layer in parameters(net)
]
count = sum(value.size for value in jax.tree.leaves(start))
x, target = batch(net)
x = jnp.asarray(x)


def normalized(z, gain, shift, statistics):
    """The batch-normalised z, and the running mean and variance."""
    mean = z.mean(axis=0)
    variance = jnp.square(z - mean).mean(axis=0)
    statistics = [old + STATISTICS_MOMENTUM * (new - old) for old, new in zip(statistics, (mean, variance))]
    return (z - mean) * (gain * jax.lax.rsqrt(variance + EPSILON)) + shift, statistics


def dropped(a, key):
    return jnp.where(jax.random.bernoulli(key, 1 - DROPPED, a.shape), a / (1 - DROPPED), 0)


def forward(layers, x, statistics=(), keys=()):
    """The logits and the new statistics; dropout takes a key for each hidden layer."""
    a, updated = x, []
    for i, layer in enumerate(layers[:-1]):
        z = a @ layer['weight']
        if net.normalized:
            z, running = normalized(z, layer['gain'], layer['bias'], statistics[i])
            updated.append(running)
            a = dropped(activation(z), keys[i])
        else:
            a = activation(z + layer['bias'])
    return a @ layers[-1]['weight'] + layers[-1]['bias'], updated


if predicts():
    run = jax.jit(lambda layers, x: forward(layers, x)[0])
    predict('jax', jax.__version__, mode, lambda: run(start, x).block_until_ready(), net, parameters=count)
    raise SystemExit

import optax  # noqa: E402 (a prediction starts without)

target = jnp.asarray(target)
momentum = MOMENTUM if net.optimizer == 'momentum' else None
optimizer = optax.adam(net.rate) if net.optimizer == 'adam' else optax.sgd(net.rate, momentum)


def loss_function(layers, statistics, keys, x, target):
    z, statistics = forward(layers, x, statistics, keys)
    if net.loss == 'softmax':
        return optax.softmax_cross_entropy_with_integer_labels(z, target).mean(), statistics
    if net.loss == 'binary':
        return optax.sigmoid_binary_cross_entropy(z, target).mean(), statistics
    return jnp.sum(jnp.square(z - target)), statistics


def update(state, x, target):
    layers, memory, statistics, key = state
    keys = ()
    if net.normalized:
        key, *keys = jax.random.split(key, len(layers))
    (loss, statistics), gradients = jax.value_and_grad(loss_function, has_aux=True)(layers, statistics, keys, x, target)
    changes, memory = optimizer.update(gradients, memory, layers)
    return (optax.apply_updates(layers, changes), memory, statistics, key), loss


steps = 20 if mode == 'scan' else 1
if mode == 'scan':
    run = jax.jit(
        lambda state, x, target: jax.lax.scan(lambda s, _: update(s, x, target), state, None, length=steps),
        donate_argnums=0,
    )
else:
    run = jax.jit(update, donate_argnums=0)

statistics = [[jnp.zeros_like(layer['gain']), jnp.ones_like(layer['gain'])] for layer in start if 'gain' in layer]
state = (start, optimizer.init(start), statistics, jax.random.key(0))


def step():
    global state
    state, losses = run(state, x, target)
    return losses.block_until_ready()


measure('jax', jax.__version__, mode, step, net, parameters=count, steps_per_call=steps)
