"""What the peers share: options, the networks with their initial parameters and data, timing, the line of JSON.

Import this before the framework: it sets the number of threads. The definitions are those of
Sources/ApusBench/Networks.swift.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument('--workload', required=True)
parser.add_argument('--mode')
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--seconds', type=float, default=4)
options = parser.parse_args()

for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS'):
    os.environ[name] = str(options.threads)
# Libraries find out by themselves what suits the processor.
for name in ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'):
    os.environ.pop(name, None)
# XLA takes as many threads as the process may use processors.
if hasattr(os, 'sched_setaffinity'):
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[: options.threads])

import numpy as np  # noqa: E402 (after the environment)


class Network:
    def __init__(self, widths, batch, loss, optimizer, rate):
        self.widths, self.batch, self.loss, self.optimizer, self.rate = widths, batch, loss, optimizer, rate
        self.activation = 'relu'


NETWORKS = {
    'planar': Network([2, 4, 1], 400, 'binary', 'sgd', 1.2),
    'softmax784': Network([784, 10], 128, 'softmax', 'sgd', 0.1),
    'mlp784': Network([784, 512, 512, 10], 128, 'softmax', 'adam', 1e-3),
    'twolayer': Network([1000, 100, 10], 64, 'squared', 'adam', 1e-4),
    'autoenc': Network([784, 256, 64, 256, 784], 256, 'binary', 'adam', 1e-3),
}
NETWORKS['planar'].activation = 'tanh'
SIZES = (64, 128, 256, 512, 1024, 2048)


def network():
    if options.workload not in NETWORKS:
        sys.exit(f'There is no workload "{options.workload}"; expected one of {", ".join(NETWORKS)}, gemm.')
    return NETWORKS[options.workload]


def parameters(net):
    """One (weight, bias) for each layer, float32, weights of shape (outputs, inputs)."""
    random = np.random.RandomState(1234)
    layers = []
    for inputs, outputs in zip(net.widths, net.widths[1:]):
        if options.workload == 'planar':
            weight, bias = random.randn(outputs, inputs) * 0.01, np.zeros(outputs)
        else:
            weight = random.uniform(-1, 1, (outputs, inputs)) / inputs**0.5
            bias = random.uniform(-1, 1, outputs) / inputs**0.5
        layers.append((weight.astype(np.float32), bias.astype(np.float32)))
    return layers


def batch(net):
    """Inputs and targets (labels are int32)."""
    if options.workload == 'planar':
        return flower()
    random = np.random.RandomState(7)
    inputs = net.widths[0]
    if options.workload == 'autoenc':
        x = random.random_sample((net.batch, inputs)).astype(np.float32)
        return x, x
    x = random.randn(net.batch, inputs).astype(np.float32)
    if net.loss == 'squared':
        return x, random.randn(net.batch, net.widths[-1]).astype(np.float32)
    return x, random.randint(0, 10, net.batch).astype(np.int32)


def flower():
    random = np.random.RandomState(1)
    points, labels = [], []
    for label in (0, 1):
        angle = np.linspace(label * 3.12, (label + 1) * 3.12, 200) + random.randn(200) * 0.2
        radius = 4 * np.sin(4 * angle) + random.randn(200) * 0.2
        points.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
        labels.append(np.full((200, 1), label))
    return np.concatenate(points).astype(np.float32), np.concatenate(labels).astype(np.float32)


def matrices(n):
    random = np.random.RandomState(0)
    return random.randn(n, n).astype(np.float32), random.randn(n, n).astype(np.float32)


# Timing.


def process_age():
    """Seconds since the process was started; exact when BENCH_STARTED holds the starter's monotonic clock."""
    if 'BENCH_STARTED' in os.environ:
        return (time.monotonic_ns() - int(os.environ['BENCH_STARTED'])) * 1e-9
    try:
        with open('/proc/self/stat') as stat, open('/proc/uptime') as uptime:
            ticks = int(stat.read().rsplit(')', 1)[1].split()[19])
            return float(uptime.read().split()[0]) - ticks / os.sysconf('SC_CLK_TCK')
    except OSError:
        return None


def report(framework, version, mode, **fields):
    line = dict(framework=framework, version=version, mode=mode, workload=options.workload, threads=options.threads)
    print(json.dumps({**line, **fields}), flush=True)


def measure(framework, version, mode, step, net, steps_per_call=1):
    """Times `step`, which runs `steps_per_call` complete steps and returns their losses.

    Warm-up: ten steps and a tenth of the time (at least 0.3 s). Then every call is timed on its own.
    """
    losses = list(np.ravel(step()))
    startup = process_age()
    clock = time.perf_counter
    begin = clock()
    while len(losses) < 10 or clock() - begin < max(0.3, 0.1 * options.seconds):
        losses += list(np.ravel(step()))
    times = []
    end = clock() + options.seconds
    while (clock() < end or len(times) < 5) and len(times) < 200_000:
        before = clock()
        last = step()
        times.append((clock() - before) * 1e3 / steps_per_call)
    tenths = statistics.quantiles(times, n=10)
    count = sum((inputs + 1) * outputs for inputs, outputs in zip(net.widths, net.widths[1:]))
    report(
        framework, version, mode,
        ms_per_step_median=round(statistics.median(times), 5), ms_per_step_min=round(min(times), 5),
        ms_p10=round(tenths[0], 5), ms_p90=round(tenths[-1], 5), steps=len(times) * steps_per_call,
        loss_first=float(losses[0]), loss_10=float(losses[9]), loss_last=float(np.ravel(last)[-1]),
        peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        startup_s=startup, params=sum(w.size + b.size for w, b in parameters(net)), params_expected=count,
    )


def measure_products(framework, version, mode, make):
    """`make(n)` returns a function of no arguments that runs one product of n x n matrices to its end."""
    results = {}
    for n in SIZES:
        product = make(n)
        product(), product(), product()
        times = []
        end = time.perf_counter() + max(0.4, options.seconds / len(SIZES))
        while time.perf_counter() < end or len(times) < 5:
            before = time.perf_counter()
            product()
            times.append(time.perf_counter() - before)
        rate = 2e-9 * n**3
        results[str(n)] = [round(rate / statistics.median(times), 1), round(rate / min(times), 1)]
    report(framework, version, mode, gflops_median_best=results)
