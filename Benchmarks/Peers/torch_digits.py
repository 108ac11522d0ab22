"""Trains a network on MNIST's four files in PyTorch, as `apus train mnist` does by itself: Adam, batches of 64, a learning rate that
falls as half a cosine wave to a fortieth. Prints a line of JSON: the seed, the accuracy on the test images and the seconds of training."""

import argparse
import glob
import gzip
import json
import math
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument('--data', required=True)
parser.add_argument('--model', choices=('lenet', 'mlp'), required=True)
parser.add_argument('--epochs', type=int, required=True)
parser.add_argument('--seed', type=int, default=0)
parser.add_argument('--threads', type=int, default=2)
options = parser.parse_args()
os.environ['OMP_NUM_THREADS'] = os.environ['MKL_NUM_THREADS'] = str(options.threads)

import numpy as np  # noqa: E402 (after the environment)
import torch  # noqa: E402
from torch import nn  # noqa: E402


def read(kind, name, start):
    """The bytes of one of MNIST's files, after its head."""
    path = sorted(glob.glob(os.path.join(options.data, f'{kind}*-{name}-ubyte*')))[0]
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file:
        return np.frombuffer(file.read(), np.uint8, offset=start)


def load(kind):
    labels = torch.from_numpy(read(kind, 'labels-idx1', 8).astype(np.int64))
    images = torch.from_numpy(read(kind, 'images-idx3', 16).astype(np.float32) / 255)
    return images.reshape(-1, 1, 28, 28), labels


# Where a cosine wave begins: as of `apus train mnist`.
RATES = {'lenet': 4e-3, 'mlp': 1e-3}
torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
(x, y), (test_x, test_y) = load('train'), load('t10k')
if options.model == 'lenet':
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
else:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 10),
    )
rate = RATES[options.model]
optimizer = torch.optim.Adam(model.parameters(), rate, fused=True)
steps = options.epochs * math.ceil(len(x) / 64)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 40)
criterion = nn.CrossEntropyLoss()

begin = time.perf_counter()
for _ in range(options.epochs):
    model.train()
    for indices in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        criterion(model(x[indices]), y[indices]).backward()
        optimizer.step()
        schedule.step()
seconds = time.perf_counter() - begin
model.eval()
with torch.inference_mode():
    accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
print(json.dumps({'seed': options.seed, 'accuracy': accuracy, 'seconds': seconds}))
