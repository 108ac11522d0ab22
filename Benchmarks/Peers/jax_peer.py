"""JAX with optax. Modes: step (one compiled step for each call, the state donated), scan (20 steps in one compiled
call; the time is that of one step)."""

import os

from timing import measure, measure_products, predict
from workloads import MOMENTUM, batch, channels_last, chosen_mode, matrices, network, options, parameters, predicts

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

from jax_networks import Stack, arranged, gpt, lstm  # noqa: E402

net = network()
start = {
    name: jnp.array(value, copy=True) for name, value in arranged([*net.layers, *net.critic], parameters(net)).items()
}
count = sum(value.size for value in start.values())
x, target = batch(net)
x = jnp.asarray(channels_last(x))

if predicts():
    run = jax.jit(lambda p, x: Stack(p)(net.layers, x))
    predict('jax', jax.__version__, mode, lambda: run(start, x).block_until_ready(), net, parameters=count)
    raise SystemExit

import optax  # noqa: E402 (a prediction starts without)

target = jnp.asarray(target)
betas = {'b1': net.betas[0], 'b2': net.betas[1]}
if net.optimizer == 'adam':
    optimizer = optax.adam(net.rate, **betas)
elif net.optimizer == 'adamw':  # matrices alone decay
    decays = {name: value.ndim > 1 for name, value in start.items()}
    optimizer = optax.adamw(net.rate, **betas, weight_decay=net.decay, mask=decays)
else:
    optimizer = optax.sgd(net.rate, MOMENTUM if net.optimizer == 'momentum' else None)
    if net.decay:
        optimizer = optax.chain(optax.add_decayed_weights(net.decay), optimizer)


def loss_function(p, statistics, keys, x, target):
    """The loss and the new statistics; dropout takes a key for each hidden layer."""
    if net.kind in ('lstm', 'gpt'):
        z = lstm(p, x) if net.kind == 'lstm' else gpt(p, x)
        labels = target.T if net.kind == 'lstm' else target
        return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean(), statistics
    stack = Stack(p, statistics, keys)
    z = stack(net.layers, x)
    if net.loss == 'softmax':
        loss = optax.softmax_cross_entropy_with_integer_labels(z, target).mean()
    elif net.loss == 'binary':
        loss = optax.sigmoid_binary_cross_entropy(z, target).mean()
    else:
        loss = jnp.sum(jnp.square(z - target))
    return loss, stack.statistics


def change(p, memory, gradients):
    changes, memory = optimizer.update(gradients, memory, p)
    return optax.apply_updates(p, changes), memory


def update(state, x, target):
    p, memory, statistics, key = state
    keys = ()
    if 'dropout' in net.layers:
        key, *keys = jax.random.split(key, 1 + net.layers.count('dropout'))
    (loss, statistics), gradients = jax.value_and_grad(loss_function, has_aux=True)(p, statistics, keys, x, target)
    return (*change(p, memory, gradients), statistics, key), loss


def update_both(state, real, noise):
    """The critic learns from real and generated images, then the generator from what the critic says now."""
    (generator, critic), (first, second), statistics, key = state

    def generate(p):
        stack = Stack(p, statistics)
        return stack(net.layers, noise), stack.statistics

    fake, backward, statistics = jax.vjp(generate, generator, has_aux=True)

    def critic_loss(p):
        stack = Stack(p, statistics)
        loss = jax.nn.softplus(-stack(net.critic, real)).mean() + jax.nn.softplus(stack(net.critic, fake)).mean()
        return loss, stack.statistics

    (loss, statistics), gradients = jax.value_and_grad(critic_loss, has_aux=True)(critic)
    critic, second = change(critic, second, gradients)

    def generator_loss(fake):
        stack = Stack(critic, statistics)
        return jax.nn.softplus(-stack(net.critic, fake)).mean(), stack.statistics

    slope, statistics = jax.grad(generator_loss, has_aux=True)(fake)
    generator, first = change(generator, first, backward(slope)[0])
    return ((generator, critic), (first, second), statistics, key), loss


steps = 20 if mode == 'scan' else 1
one = update_both if net.kind == 'gan' else update
if mode == 'scan':
    run = jax.jit(
        lambda state, x, target: jax.lax.scan(lambda s, _: one(s, x, target), state, None, length=steps), donate_argnums=0
    )
else:
    run = jax.jit(one, donate_argnums=0)

statistics = {
    name[:-2]: [jnp.zeros_like(value), jnp.ones_like(value)] for name, value in start.items() if name.endswith('.g')
}
if net.kind == 'gan':
    parts = tuple({name: value for name, value in start.items() if name[0] == part} for part in 'GD')
    memories = tuple(optimizer.init(part) for part in parts)
else:
    parts, memories = start, optimizer.init(start)
state = (parts, memories, statistics, jax.random.key(0))


def step():
    global state
    state, losses = run(state, x, target)
    return losses.block_until_ready()


measure('jax', jax.__version__, mode, step, net, parameters=count, steps_per_call=steps)
