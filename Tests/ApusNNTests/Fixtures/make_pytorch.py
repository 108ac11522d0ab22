"""Makes PyTorch/NAME.safetensors, state dictionaries of small models, and PyTorch/NAME.data.safetensors with an input x and the output y.

Run:    python make_pytorch.py            (writes beside this file; deterministic)
Needs:  numpy, torch, safetensors. The files at hand were made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU).

All parameters and running statistics are drawn anew, so that none is what it starts as. Inputs and outputs of images are stored channels last,
as Apus has them; everything is float32, computed in float64.
"""

import os

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

torch.set_num_threads(1)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'PyTorch')
random = np.random.RandomState(11)


def draw(*shape):
    return torch.from_numpy((0.5 * random.randn(*shape)).astype(np.float32).astype(np.float64))


class Sequences(nn.Module):
    """Modules with names of their own, whose order is not that of the alphabet."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 5)
        self.rnn = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.more = nn.GRU(8, 3, batch_first=True)
        self.last = nn.RNN(3, 4, nonlinearity='relu', bias=False, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.last(self.more(self.rnn(self.words(x))[0])[0])[0])


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, 0.0, 'relu', batch_first=True), 2, norm=nn.LayerNorm(6))
        self.decoder = nn.TransformerDecoderLayer(6, 3, 5, 0.0, 'gelu', batch_first=True, norm_first=True)

    def forward(self, x):
        memory = self.encoder(x)
        return self.decoder(x.flip(1), memory)


def images():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, (3, 2), stride=2, groups=2, bias=False),
        nn.BatchNorm2d(8), nn.PReLU(8), nn.ConvTranspose2d(8, 4, 3, stride=2, groups=2), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 2, groups=4),
        nn.InstanceNorm2d(4, affine=True), nn.Flatten(), nn.Linear(4 * 4 * 2, 5, bias=False), nn.RMSNorm(5, eps=1e-6),
    )


def write(name, model, x, first=lambda x: x, last=lambda y: y):
    model = model.double().eval()
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                new = draw(*value.shape)
                value.copy_((new.abs() + 0.5).float() if 'running_var' in key else new)  # exact in float32
        y = last(model(first(x)))
    state = {key: value.float().contiguous() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    save_file(state, os.path.join(HERE, name + '.safetensors'))
    data = dict(x=x.float() if x.is_floating_point() else x, y=y.double())
    save_file({k: v.contiguous() for k, v in data.items()}, os.path.join(HERE, name + '.data.safetensors'))


write('images', images(), draw(3, 8, 10, 2), lambda x: x.movedim(-1, 1))
write('sequences', Sequences(), torch.from_numpy(random.randint(0, 9, (3, 4))))
write('transformer', Translator(), draw(2, 4, 6))
for file in sorted(os.listdir(HERE)):
    print(file, os.path.getsize(os.path.join(HERE, file)))
