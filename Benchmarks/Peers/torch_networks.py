"""The workloads' networks in PyTorch."""

from workloads import BLOCKS, CONTEXT, DROPPED, EPSILON, HEADS, LEAK, STATISTICS_MOMENTUM, WIDTH
from workloads import Conv, Dense, Norm, Residual, Transposed

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    def __init__(self, block, arrays):
        super().__init__()
        self.body, self.shortcut = stack(block.body, arrays), stack(block.shortcut, arrays)

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def simple(name):
    return {
        'relu': lambda: nn.ReLU(inplace=True), 'tanh': nn.Tanh, 'leaky': lambda: nn.LeakyReLU(LEAK, inplace=True),
        'dropout': lambda: nn.Dropout(DROPPED), 'pool': lambda: nn.MaxPool2d(2), 'flatten': nn.Flatten,
        'unflatten': lambda: nn.Unflatten(1, (128, 7, 7)), 'mean': lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    }[name]()


def build(layer, arrays, is_image):
    if isinstance(layer, str):
        return simple(layer)
    if isinstance(layer, Residual):
        return ResidualBlock(layer, arrays)
    if isinstance(layer, Norm):  # gains start as 1 and shifts as 0 here too
        return (nn.BatchNorm2d if is_image else nn.BatchNorm1d)(layer.features, eps=EPSILON, momentum=STATISTICS_MOMENTUM)
    if isinstance(layer, Dense):
        module = nn.Linear(layer.inputs, layer.outputs, bias=layer.bias, device='meta')
    elif isinstance(layer, Conv):
        module = nn.Conv2d(
            layer.inputs, layer.outputs, layer.size, layer.stride, layer.padding, bias=layer.bias, device='meta'
        )
    else:
        module = nn.ConvTranspose2d(layer.inputs, layer.outputs, 4, 2, 1, bias=layer.bias, device='meta')
    fill(module, layer.name, arrays)
    return module


def fill(module, name, arrays):
    module.weight = nn.Parameter(torch.from_numpy(arrays[name + '.w']))
    if module.bias is not None:
        module.bias = nn.Parameter(torch.from_numpy(arrays[name + '.b']))


def stack(layers, arrays):
    is_image = any(isinstance(layer, (Conv, Transposed)) for layer in layers)
    return nn.Sequential(*(build(layer, arrays, is_image) for layer in layers))


class CharacterLSTM(nn.Module):
    def __init__(self, arrays):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.from_numpy(arrays['emb']), freeze=False)
        self.lstm = nn.LSTM(WIDTH, 256, batch_first=True)
        with torch.no_grad():
            for name, key in (('weight_ih_l0', 'w_ih'), ('weight_hh_l0', 'w_hh'), ('bias_ih_l0', 'b')):
                getattr(self.lstm, name).copy_(torch.from_numpy(arrays[key]))
            self.lstm.bias_hh_l0.zero_()
        # The workload has one bias, PyTorch two.
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.head = nn.Linear(256, 65)
        fill(self.head, 'head', arrays)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0]).flatten(0, 1)


class CharacterGPT(nn.Module):
    def __init__(self, arrays):
        super().__init__()
        self.arrays = nn.ParameterDict({
            name.replace('.', '_'): nn.Parameter(torch.from_numpy(value)) for name, value in arrays.items()
        })

    def forward(self, x):
        p = self.arrays
        n = len(x)
        y = functional.embedding(x, p['wte']) + p['wpe']
        for k in range(BLOCKS):
            z = functional.layer_norm(y, (WIDTH,), p[f'h{k}_ln1'], eps=EPSILON)
            z = functional.linear(z, p[f'h{k}_qkv']).view(n, CONTEXT, 3, HEADS, WIDTH // HEADS)
            q, key, v = z.permute(2, 0, 3, 1, 4)
            z = functional.scaled_dot_product_attention(q, key, v, is_causal=True)
            y = y + functional.linear(z.transpose(1, 2).reshape(n, CONTEXT, WIDTH), p[f'h{k}_proj'])
            z = functional.layer_norm(y, (WIDTH,), p[f'h{k}_ln2'], eps=EPSILON)
            y = y + functional.linear(functional.gelu(functional.linear(z, p[f'h{k}_fc'])), p[f'h{k}_mlp'])
        y = functional.layer_norm(y, (WIDTH,), p['lnf'], eps=EPSILON)
        return functional.linear(y, p['wte']).flatten(0, 1)


def network(net, arrays):
    if net.kind == 'lstm':
        return CharacterLSTM(arrays)
    return CharacterGPT(arrays) if net.kind == 'gpt' else stack(net.layers, arrays)
