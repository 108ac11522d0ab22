"""The workloads' networks in MLX. Images lie channels last. Without networks whose steps take seconds here."""

from workloads import BLOCKS, CONTEXT, DROPPED, EPSILON, HEADS, STATISTICS_MOMENTUM, WIDTH
from workloads import Conv, Dense, Norm, channels_last_weight

import mlx.core as mx
from mlx import nn


def build(layer, arrays):
    if isinstance(layer, str):
        return {
            'relu': nn.ReLU, 'tanh': nn.Tanh, 'dropout': lambda: nn.Dropout(DROPPED),
            'pool': lambda: nn.MaxPool2d(2), 'flatten': lambda: lambda x: x.reshape(len(x), -1),
        }[layer]()
    if isinstance(layer, Norm):  # gains start as 1 and shifts as 0 here too
        return nn.BatchNorm(layer.features, eps=EPSILON, momentum=STATISTICS_MOMENTUM)
    weight = arrays[layer.name + '.w']
    if isinstance(layer, Dense):
        module = nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)
        module.weight = mx.array(channels_last_weight(layer, weight))
    elif isinstance(layer, Conv):
        module = nn.Conv2d(
            layer.inputs, layer.outputs, layer.size, stride=layer.stride, padding=layer.padding, bias=layer.bias
        )
        module.weight = mx.array(weight.transpose(0, 2, 3, 1))
    else:
        raise SystemExit(f'{layer} is not among the layers of mlx_networks.py.')
    if layer.bias:
        module.bias = mx.array(arrays[layer.name + '.b'])
    return module


class CharacterGPT(nn.Module):
    def __init__(self, arrays):
        super().__init__()
        # A dot in a name would be a path.
        self.arrays = {name.replace('.', '_'): mx.array(value) for name, value in arrays.items()}
        self._mask = mx.where(mx.tril(mx.ones((CONTEXT, CONTEXT))) > 0, 0.0, -1e30)

    def __call__(self, x):
        p, n = self.arrays, len(x)
        y = p['wte'][x] + p['wpe']
        for k in range(BLOCKS):
            z = mx.fast.layer_norm(y, p[f'h{k}_ln1'], None, EPSILON) @ p[f'h{k}_qkv'].T
            q, key, v = z.reshape(n, CONTEXT, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
            scores = (q * (WIDTH // HEADS) ** -0.5) @ key.transpose(0, 1, 3, 2) + self._mask
            z = (mx.softmax(scores, axis=-1) @ v).transpose(0, 2, 1, 3).reshape(n, CONTEXT, WIDTH)
            y = y + z @ p[f'h{k}_proj'].T
            z = nn.gelu(mx.fast.layer_norm(y, p[f'h{k}_ln2'], None, EPSILON) @ p[f'h{k}_fc'].T)
            y = y + z @ p[f'h{k}_mlp'].T
        return mx.fast.layer_norm(y, p['lnf'], None, EPSILON) @ p['wte'].T


def network(net, arrays):
    if net.kind == 'gpt':
        return CharacterGPT(arrays)
    if net.kind != 'stack':
        raise SystemExit(f'The network {net.kind} is not among those of mlx_networks.py.')
    return nn.Sequential(*(build(layer, arrays) for layer in net.layers))
