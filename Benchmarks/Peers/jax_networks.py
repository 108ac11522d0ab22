"""The workloads' networks in JAX: functions of a dictionary of arrays. Images lie channels last."""

from workloads import BLOCKS, CONTEXT, DROPPED, EPSILON, HEADS, LEAK, STATISTICS_MOMENTUM, WIDTH
from workloads import Conv, Dense, Norm, Residual, Transposed, channels_last_weight

import jax
import jax.numpy as jnp
from jax import lax

IMAGES = ('NHWC', 'HWIO', 'NHWC')


def arranged(layers, arrays):
    """The arrays as the functions below take them: dense weights (inputs, outputs), which XLA multiplies by without a transposition,
    filters (height, width, inputs, outputs), those of transposed convolutions turned around."""
    result = dict(arrays)
    for layer in layers:
        if isinstance(layer, Residual):
            result = arranged([*layer.body, *layer.shortcut], result)
        elif isinstance(layer, Dense):
            result[layer.name + '.w'] = channels_last_weight(layer, result[layer.name + '.w']).T
        elif isinstance(layer, Conv):
            result[layer.name + '.w'] = result[layer.name + '.w'].transpose(2, 3, 1, 0)
        elif isinstance(layer, Transposed):
            result[layer.name + '.w'] = result[layer.name + '.w'][:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    return result


class Stack:
    """A stack of layers at work: it takes a key for each dropout and collects the new running statistics."""

    def __init__(self, p, statistics=None, keys=()):
        self.p, self.statistics, self.keys = p, dict(statistics or {}), iter(keys)

    def normalized(self, name, x):
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        variance = jnp.square(x - mean).mean(axes)
        self.statistics[name] = [
            old + STATISTICS_MOMENTUM * (new - old) for old, new in zip(self.statistics[name], (mean, variance))
        ]
        return (x - mean) * (self.p[name + '.g'] * lax.rsqrt(variance + EPSILON)) + self.p[name + '.b']

    def simple(self, name, x):
        if name == 'pool':  # windows that do not overlap are an axis of their own
            n, h, w, c = x.shape
            return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
        if name == 'dropout':
            return jnp.where(jax.random.bernoulli(next(self.keys), 1 - DROPPED, x.shape), x / (1 - DROPPED), 0)
        return {
            'relu': jax.nn.relu, 'tanh': jnp.tanh, 'leaky': lambda x: jax.nn.leaky_relu(x, LEAK),
            'flatten': lambda x: x.reshape(len(x), -1), 'unflatten': lambda x: x.reshape(-1, 7, 7, 128),
            'mean': lambda x: x.mean((1, 2)),
        }[name](x)

    def layer(self, layer, x):
        if isinstance(layer, str):
            return self.simple(layer, x)
        if isinstance(layer, Residual):
            return jax.nn.relu(self(layer.body, x) + self(layer.shortcut, x))
        if isinstance(layer, Norm):
            return self.normalized(layer.name, x)
        weight = self.p[layer.name + '.w']
        if isinstance(layer, Dense):
            x = x @ weight
        elif isinstance(layer, Conv):
            padding = [(layer.padding, layer.padding)] * 2
            x = lax.conv_general_dilated(x, weight, [layer.stride] * 2, padding, dimension_numbers=IMAGES)
        else:
            x = lax.conv_general_dilated(x, weight, (1, 1), [(2, 2)] * 2, lhs_dilation=(2, 2), dimension_numbers=IMAGES)
        return x + self.p[layer.name + '.b'] if layer.bias else x

    def __call__(self, layers, x):
        for layer in layers:
            x = self.layer(layer, x)
        return x


def lstm(p, x):
    """Logits of all characters, text by text in the columns: (steps, texts, characters)."""
    # The products with the inputs, of all steps at once.
    inputs = p['emb'][x.T] @ p['w_ih'].T + p['b']

    def step(state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ p['w_hh'].T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((len(x), 256))
    _, outputs = lax.scan(step, (zeros, zeros), inputs)
    return outputs @ p['head.w'].T + p['head.b']


def gpt(p, x):
    def normalized(y, gain):
        y = y - y.mean(-1, keepdims=True)
        return y * lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + EPSILON) * gain

    n = len(x)
    mask = jnp.tril(jnp.ones((CONTEXT, CONTEXT), bool))
    y = p['wte'][x] + p['wpe']
    for k in range(BLOCKS):
        z = normalized(y, p[f'h{k}.ln1']) @ p[f'h{k}.qkv'].T
        q, key, v = z.reshape(n, CONTEXT, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
        scores = jnp.einsum('nhqd,nhkd->nhqk', q, key) * (WIDTH // HEADS) ** -0.5
        z = jnp.einsum('nhqk,nhkd->nhqd', jax.nn.softmax(jnp.where(mask, scores, -1e30)), v)
        y = y + z.transpose(0, 2, 1, 3).reshape(n, CONTEXT, WIDTH) @ p[f'h{k}.proj'].T
        z = jax.nn.gelu(normalized(y, p[f'h{k}.ln2']) @ p[f'h{k}.fc'].T, approximate=False)
        y = y + z @ p[f'h{k}.mlp'].T
    return normalized(y, p['lnf']) @ p['wte'].T
