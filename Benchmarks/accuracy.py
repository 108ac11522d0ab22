#!/usr/bin/env python3
"""How well and how fast Apus and PyTorch learn to read digits: LeNet and a perceptron, from several seeds, in alternation.

    python3 Benchmarks/accuracy.py --data DIR --python .peers/bin/python

Apus is the command line (swift build -c release --product apus --static-swift-stdlib), PyTorch Peers/torch_digits.py: the same networks,
batches, optimiser and learning rates. Seconds are those of the training itself: reading files, compiling kernels at the first step
included, the start of the process and the measurement at the end not. DIR holds MNIST's four files.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from contestants import HERE, MKL_ON_AMD, PEERS, TUNING, has_modules
from machine import describe
from tables import table

ROOT = os.path.dirname(HERE)
# The mean accuracy that Apus is to reach, learning from 10,000 images.
GOALS = {'lenet': 0.983, 'mlp': 0.960}
EPOCHS = {'lenet': 20, 'mlp': 20}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', required=True, help="the directory with MNIST's four files")
    parser.add_argument('--python', default='python3', help='the Python that has PyTorch; of several, separated by colons, the first')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--epochs', type=int, help='of both networks, in place of their own')
    parser.add_argument('--models', default='lenet,mlp', help='separated by commas')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--apus', default=f'{ROOT}/.build/release/apus', help='the built command line')
    options = parser.parse_args()
    options.models = options.models.split(',')
    if any(model not in GOALS for model in options.models):
        parser.error(f'--models: expected some of {",".join(GOALS)}')
    if not os.path.exists(options.apus):
        sys.exit(f'{options.apus} is missing; build it with: swift build -c release --product apus --static-swift-stdlib')
    # What the machine's description prints.
    options.rounds, options.seconds = options.seeds, 0
    return options


def lines_of(command, environment=None):
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith('{')]
    if result.returncode or not lines:
        sys.exit(f'{" ".join(command)}: {(result.stderr.strip() or "no output").splitlines()[-1]}')
    return lines


def apus(model, seed, epochs, options):
    with tempfile.TemporaryDirectory() as directory:
        command = [options.apus, 'train', 'mnist', '--data', options.data, '--model', model, '--json', '--output', directory]
        command += ['--seed', str(seed), '--epochs', str(epochs), '--threads', str(options.threads)]
        *history, last = lines_of(command)
    return last['test_accuracy'], sum(epoch['seconds'] for epoch in history)


def torch(python, model, seed, epochs, options, environment):
    command = [python, os.path.join(PEERS, 'torch_digits.py'), '--data', options.data, '--model', model]
    command += ['--seed', str(seed), '--epochs', str(epochs), '--threads', str(options.threads)]
    line = lines_of(command, environment)[-1]
    return line['accuracy'], line['seconds']


def main():
    options = parse_options()
    python = next((p for p in options.python.split(':') if has_modules(p, ('numpy', 'torch'))), None)
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    describe(ROOT, options)
    if not python:
        print('PyTorch: not installed (needs numpy, torch)')
    rows, good = [], True
    for model in options.models:
        epochs = options.epochs or EPOCHS[model]
        contestants = {'Apus': lambda seed: apus(model, seed, epochs, options)}
        if python:
            contestants['PyTorch'] = lambda seed: torch(python, model, seed, epochs, options, {})
            if os.path.exists(MKL_ON_AMD):
                tuned = {**TUNING, 'LD_PRELOAD': MKL_ON_AMD}
                contestants['PyTorch tuned'] = lambda seed: torch(python, model, seed, epochs, options, tuned)
        found = {name: [] for name in contestants}
        for seed in range(options.seeds):
            for name, run in contestants.items():
                found[name].append(run(seed))
        for name, runs in found.items():
            accuracies, seconds = zip(*runs)
            mean = statistics.fmean(accuracies)
            rows.append([
                f'{model}, {epochs} epochs, {name}', f'{mean:.2%}', f'{min(accuracies):.2%}', f'{max(accuracies):.2%}',
                f'{statistics.median(seconds):.1f}',
            ])
            if name == 'Apus' and mean < GOALS[model]:
                good = False
                print(f'{model}: the mean accuracy {mean:.2%} misses the goal {GOALS[model]:.1%}')
    print()
    table(['network', 'mean accuracy', 'least', 'most', 'seconds, median'], rows)
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
