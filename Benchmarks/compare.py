#!/usr/bin/env python3
"""Apus beside other frameworks on the same work, in alternation: one process at a time, medians over the rounds.

    python3 Benchmarks/compare.py --python .peers/bin/python

Runs apus-bench (swift build -c release --package-path Benchmarks) and the scripts in Benchmarks/Peers for which one of the
given Pythons has the packages. Before any time counts, all must compute the same: the losses are compared with the reference in
Tests/ApusNNTests/Fixtures/*workloads.json, or with each other. If they differ, the exit code is 1.
"""

import argparse
import os
import sys

from command_line import measure_command_line
from contestants import FRAMEWORKS, HERE, NETWORKS, Contestant, Results, find_peers
from kernels import show_micro
from machine import describe
from networks import show_networks
from side_by_side import side_by_side

ROOT = os.path.dirname(HERE)
MICRO = ('ceilings', 'kernels', 'gemm', 'elementwise', 'optimizers')
WORKLOADS = (*NETWORKS, *MICRO, 'concurrent-mlp', 'command')
# A start is short and differs much: more of them.
STARTS_PER_ROUND = 3


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--python', default='python3', help='the Pythons that run the peers, separated by colons')
    parser.add_argument('--peers', help=f'only these, separated by commas: {",".join(f.key for f in FRAMEWORKS)}')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--workloads', default=','.join(WORKLOADS), help='separated by commas')
    parser.add_argument('--quick', action='store_true', help='one round of 0.1 s: whether everything runs')
    parser.add_argument('--side-by-side', action='store_true', help='only mlp784, alone and with a second copy running')
    parser.add_argument('--bench', default=f'{HERE}/.build/release/apus-bench', help='the built apus-bench')
    parser.add_argument('--apus', default=f'{ROOT}/.build/release/apus', help='the built command line')
    parser.add_argument('--json', help='a file for every single result, one line each')
    options = parser.parse_args()
    options.workloads = options.workloads.split(',')
    options.peers = options.peers.split(',') if options.peers else []
    for what, chosen, known in (
        ('workload', options.workloads, WORKLOADS), ('peer', options.peers, [f.key for f in FRAMEWORKS])
    ):
        for name in chosen:
            if name not in known:
                parser.error(f'there is no {what} "{name}"; expected some of {",".join(known)}')
    if not os.path.exists(options.bench):
        sys.exit(f'{options.bench} is missing; build it with: swift build -c release --package-path Benchmarks')
    if options.quick:
        options.rounds, options.seconds = 1, 0.1
    return options


def show_failures(results):
    """Every reason once, with those whom it kept away."""
    reasons = {}
    for (contestant, workload), reason in results.failures.items():
        reasons.setdefault((contestant.label, reason), []).append(workload)
    for (label, reason), workloads in reasons.items():
        print(f'{label}, {", ".join(workloads)}: {reason}')
    if reasons:
        print()


def main():
    options = parse_options()
    # The same processors for everybody: some frameworks take as many threads as they see processors.
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    apus = [
        Contestant('Apus', 'program', [options.bench], (*NETWORKS, 'concurrent-mlp')),
        Contestant('Apus', 'eager', [options.bench], WORKLOADS),
    ]
    peers, absent = find_peers(options.python.split(':'), options.peers)
    contestants = [*apus, *peers]
    describe(ROOT, options)
    print(*absent, '', sep='\n', flush=True)
    if options.side_by_side:
        side_by_side(contestants, options)
        return

    results = Results(options.json)
    for workload in (w for w in options.workloads if w != 'command'):
        rounds = options.rounds * (STARTS_PER_ROUND if workload == 'coldstart' else 1)
        results.measure(workload, contestants, rounds, options)
    versions = {c.name: lines[0]['version'] for w in results.lines.values() for c, lines in w.items()}
    print('Versions:', ', '.join(f'{name} {version}' for name, version in versions.items()))
    show_failures(results)
    good = show_networks(results)
    show_micro(results)
    if 'command' in options.workloads:
        measure_command_line(options.apus, ROOT)
    if results.disturbed:
        print(
            f'WARNING: in {len(results.disturbed)} of the runs other processes kept up to {max(results.disturbed):.1f} '
            'processors busy: do not rely on these times.'
        )
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    main()
