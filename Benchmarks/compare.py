#!/usr/bin/env python3
"""Apus beside other frameworks on the same work, in alternation: one process at a time, medians over the rounds.

    python3 Benchmarks/compare.py --python .peers/bin/python

Runs apus-bench (swift build -c release --package-path Benchmarks), the scripts in Benchmarks/Peers for which the given
Python has the packages and, with --peers DIR, numpy_bench.py, jax_bench.py, torch_bench.py and ort_bench.py from there.
Losses must agree: with the reference in Tests/ApusNNTests/Fixtures/workloads.json and between the frameworks. If they
do not, the exit code is 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from command_line import measure_command_line

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TRAINING = ('planar', 'softmax784', 'mlp784', 'twolayer', 'autoenc')
WORKLOADS = (*TRAINING, 'infer1-mlp', 'coldstart', 'gemm', 'elementwise', 'command')
# Sums in another order differ in the last bits; ten steps of Adam make more of that.
FIRST_LOSS_TOLERANCE = 1e-4
TENTH_LOSS_TOLERANCE = 5e-3


class Contestant:
    """One command that prints a line of JSON."""

    def __init__(self, name, command, mode, workloads):
        self.name, self.command, self.mode, self.workloads = name, command, mode, workloads

    def run(self, workload, options):
        """The fields of its line, or None after saying why there is none."""
        command = [*self.command, '--workload', workload, '--mode', self.mode]
        command += ['--threads', str(options.threads), '--seconds', str(options.seconds)]
        environment = dict(os.environ, BENCH_STARTED=str(time.monotonic_ns()))
        begin = time.monotonic()
        try:
            limit = options.seconds * 10 + 120
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            print(f'{self.name}, {workload}: stopped after {time.monotonic() - begin:.0f} s', file=sys.stderr)
            return None
        wall = time.monotonic() - begin
        lines = [line for line in done.stdout.splitlines() if line.startswith('{')]
        if done.returncode or not lines:
            said = (done.stderr.strip() or done.stdout.strip() or 'nothing').splitlines()[-1]
            print(f'{self.name}, {workload}: exit code {done.returncode}, said: {said}', file=sys.stderr)
            return None
        return dict(json.loads(lines[-1]), wall_s=wall)


def has_modules(python, *modules):
    code = 'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))'
    try:
        return subprocess.run([python, '-c', code, *modules], capture_output=True).returncode == 0
    except OSError:
        return False


def find_peers(options):
    own = (*TRAINING, 'gemm')
    predicting = (*own, 'infer1-mlp', 'coldstart')
    here = os.path.join(HERE, 'Peers')
    known = [
        (here, 'numpy_peer.py', ('numpy',), (('numpy', 'eager', own),)),
        (here, 'jax_peer.py', ('jax', 'optax'), (('jax', 'step', own), ('jax scan', 'scan', TRAINING))),
    ]
    if options.peers:
        external = [
            ('numpy_bench.py', ('numpy',), (('numpy+', 'eager', predicting),)),
            ('jax_bench.py', ('jax', 'optax'), (('jax+', 'compile', predicting), ('jax+ scan', 'scan', TRAINING))),
            (
                'torch_bench.py', ('torch',),
                (('torch+', 'eager-fused', (*TRAINING, 'gemm')), ('torch+', 'eager', ('infer1-mlp', 'coldstart'))),
            ),
            (
                'ort_bench.py', ('onnxruntime', 'onnx'),
                (('ort+', 'iobind', ('infer1-mlp',)), ('ort+', 'run', ('coldstart',))),
            ),
        ]
        known += [(options.peers, *entry) for entry in external]
    peers = []
    for directory, script, modules, modes in known:
        path = os.path.join(directory, script)
        if os.path.exists(path) and has_modules(options.python, *modules):
            peers += [Contestant(name, [options.python, path], mode, workloads) for name, mode, workloads in modes]
    return peers


def references():
    """The losses of the first and the tenth step, computed in float64."""
    path = os.path.join(ROOT, 'Tests', 'ApusNNTests', 'Fixtures', 'workloads.json')
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return {name.split()[1]: (w['losses'][0], w['losses'][9]) for name, w in json.load(file).items()}


def median(rounds, field):
    values = [r[field] for r in rounds if r and r.get(field) is not None]
    return statistics.median(values) if values else None


def differs(value, reference, tolerance):
    return value is not None and reference is not None and not abs(value - reference) <= tolerance * abs(reference)


def mismatches(results, reference):
    """What disagrees with Apus' losses, in words."""
    ours = results['apus']
    first, tenth = median(ours, 'loss_first'), median(ours, 'loss_10')
    others = {name: (median(r, 'loss_first'), median(r, 'loss_10')) for name, r in results.items() if name != 'apus'}
    if reference:
        others['the reference'] = reference
    found = []
    for name, (other_first, other_tenth) in others.items():
        if differs(first, other_first, FIRST_LOSS_TOLERANCE):
            found.append(f'first loss {first:.6g}, {name} has {other_first:.6g}')
        if differs(tenth, other_tenth, TENTH_LOSS_TOLERANCE):
            found.append(f'tenth loss {tenth:.6g}, {name} has {other_tenth:.6g}')
    counts = {r['params'] == r['params_expected'] for r in ours if r and 'params' in r}
    return found + (['the number of parameters'] if False in counts else [])


def table(header, rows):
    """Text in columns: the first to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        print('  '.join(cells).rstrip())
    print(flush=True)


def number(value, scale=1):
    return '-' if value is None else f'{value * scale:.4g}'


def compare_times(title, field, scale, results, reference):
    """Prints one table of times, a row for each workload; returns whether all losses agree."""
    names = [name for name in dict.fromkeys(n for r in results.values() for n in r) if name != 'apus']
    rows, agree = [], True
    for workload, contestants in results.items():
        times = {name: median(rounds, field) for name, rounds in contestants.items()}
        ours = times.pop('apus')
        present = [t for t in times.values() if t]
        ratio = f'{ours / min(present):.2f}' if ours and present else '-'
        problems = mismatches(contestants, reference.get(workload)) if ours else ['no figure']
        agree = agree and not problems
        verdict = 'agree' if median(contestants['apus'], 'loss_first') else ''
        if problems:
            verdict = 'MISMATCH: ' + '; '.join(problems)
        rows.append([workload, number(ours, scale), *(number(times.get(n), scale) for n in names), ratio, verdict])
    table([title, 'apus', *names, 'apus/best', 'losses'], rows)
    return agree


def compare_products(results):
    """Prints GFLOP/s by size."""
    ours = [r for r in results['apus'] if r]
    names = list(results)
    rows = []
    for n in ours[0]['gflops_median_best'] if ours else ():
        def rate(rounds, field='gflops_median_best'):
            values = [r[field][n][0] for r in rounds if r and n in r.get(field, {})]
            return f'{statistics.median(values):.1f}' if values else '-'
        ratio = statistics.median(r['ratio_to_sgemm'][n] for r in ours)
        plain = rate(ours, 'sgemm_gflops_median_best')
        rows.append([n, *(rate(results[name]) for name in names), plain, f'{ratio:.3f}'])
    table(['gemm, GFLOP/s', *names, 'dnnl_sgemm', 'apus/dnnl_sgemm'], rows)
    return bool(ours)


def show_elementwise(rounds):
    """Prints GB/s and the shares of the plain loop's and of memcpy's."""
    rounds = [r['elementwise'] for r in rounds if r]
    rows = []
    for size in rounds[0] if rounds else ():
        for name in rounds[0][size]:
            fields = {f: statistics.median(r[size][name][f] for r in rounds) for f in rounds[0][size][name]}
            rates = [f'{fields[f]:.1f}' for f in ('gbs', 'stream_gbs', 'memcpy_gbs')]
            rows.append([f'{name}, {int(size):,}', *rates, f'{fields["share"]:.0%}', f'{fields["share_memcpy"]:.0%}'])
    table(['element-wise, GB/s', 'apus', 'plain loop', 'memcpy', 'of the loop', 'of memcpy'], rows)
    return bool(rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--python', default='python3', help='the Python that runs the peers')
    parser.add_argument('--peers', help='a directory of further peers')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--workloads', default=','.join(WORKLOADS), help='separated by commas')
    parser.add_argument('--mode', default='eager', help="Apus' mode")
    parser.add_argument('--bench', default=f'{HERE}/.build/release/apus-bench', help='the built apus-bench')
    parser.add_argument('--apus', default=f'{ROOT}/.build/release/apus', help='the built command line')
    parser.add_argument('--json', help='a file for every single result, one line each')
    options = parser.parse_args()
    workloads = options.workloads.split(',')
    for workload in workloads:
        if workload not in WORKLOADS:
            parser.error(f'there is no workload "{workload}"; expected some of {",".join(WORKLOADS)}')
    if not os.path.exists(options.bench):
        sys.exit(f'{options.bench} is missing; build it with: swift build -c release --package-path Benchmarks')

    # The same processors for everybody: some frameworks take as many threads as they see processors.
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])

    apus = Contestant('apus', [options.bench], options.mode, WORKLOADS)
    peers = find_peers(options)
    if not peers:
        print('No peers: Apus alone. For a comparison install them once and name their Python:')
        print('  python3 -m venv .peers && .peers/bin/pip install numpy jax optax')
        print('  python3 Benchmarks/compare.py --python .peers/bin/python\n')
    print(f'{options.threads} threads, medians of {options.rounds} rounds of {options.seconds:g} s each\n', flush=True)

    results, disturbed = {}, False
    for workload in (w for w in workloads if w != 'command'):
        field = [apus] + [p for p in peers if workload in p.workloads]
        results[workload] = {c.name: [] for c in field}
        for _ in range(options.rounds * (5 if workload == 'coldstart' else 1)):
            for contestant in field:
                line = contestant.run(workload, options)
                results[workload][contestant.name].append(line)
                disturbed = disturbed or (line or {}).get('other_cpus', 0) > 0.2
                if options.json and line:
                    with open(options.json, 'a') as file:
                        file.write(json.dumps(line) + '\n')

    good = True
    expected = references()
    timed = {w: r for w, r in results.items() if w in (*TRAINING, 'infer1-mlp')}
    if timed:
        good &= compare_times('ms per step', 'ms_per_step_median', 1, timed, expected)
    if 'coldstart' in results:
        good &= compare_times('ms, whole process', 'wall_s', 1000, {'coldstart': results['coldstart']}, {})
        seconds = median(results['coldstart']['apus'], 'startup_s')
        print(f'coldstart, to the first prediction: apus {number(seconds, 1000)} ms\n')
    if 'gemm' in results:
        good &= compare_products(results['gemm'])
    if 'elementwise' in results:
        good &= show_elementwise(results['elementwise']['apus'])
    if 'command' in workloads:
        measure_command_line(options.apus, ROOT)
    if disturbed:
        print('Other processes kept processors busy meanwhile: do not rely on these times.')
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
