"""JAX with optax. Modes: step (one compiled step for each call, the state donated), scan (20 steps in one compiled
call; the time is that of one step)."""

import os

from workloads import batch, matrices, measure, measure_products, network, options, parameters

os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

mode = options.mode or 'step'
if mode not in ('step', 'scan'):
    raise SystemExit(f'There is no mode "{mode}"; expected step or scan.')

if options.workload == 'gemm':
    product = jax.jit(jnp.matmul)

    def make(n):
        a, b = map(jnp.asarray, matrices(n))
        return lambda: product(a, b).block_until_ready()

    measure_products('jax', jax.__version__, mode, make)
    raise SystemExit

import optax  # noqa: E402

net = network()
x, target = map(jnp.asarray, batch(net))
# Weights are stored (inputs, outputs), which XLA multiplies by without a transposition.
start = [(jnp.asarray(weight.T.copy()), jnp.asarray(bias)) for weight, bias in parameters(net)]
activation = jnp.tanh if net.activation == 'tanh' else jax.nn.relu
optimizer = optax.sgd(net.rate) if net.optimizer == 'sgd' else optax.adam(net.rate)


def loss_function(layers, x, target):
    a = x
    for weight, bias in layers[:-1]:
        a = activation(a @ weight + bias)
    weight, bias = layers[-1]
    z = a @ weight + bias
    if net.loss == 'softmax':
        return optax.softmax_cross_entropy_with_integer_labels(z, target).mean()
    if net.loss == 'binary':
        return optax.sigmoid_binary_cross_entropy(z, target).mean()
    return jnp.sum(jnp.square(z - target))


def update(state, x, target):
    layers, memory = state
    loss, gradients = jax.value_and_grad(loss_function)(layers, x, target)
    changes, memory = optimizer.update(gradients, memory, layers)
    return (optax.apply_updates(layers, changes), memory), loss


steps = 20 if mode == 'scan' else 1
if mode == 'scan':
    run = jax.jit(
        lambda state, x, target: jax.lax.scan(lambda s, _: update(s, x, target), state, None, length=steps),
        donate_argnums=0,
    )
else:
    run = jax.jit(update, donate_argnums=0)

state = (start, optimizer.init(start))


def step():
    global state
    state, losses = run(state, x, target)
    return losses.block_until_ready()


measure('jax', jax.__version__, mode, step, net, steps)
