"""The networks: first whether all compute the same, then who is faster."""

import json
import os
import statistics

from contestants import HERE, NETWORKS, TRAINING
from tables import geometric_mean, median, number, ratio, table

# Of the first and of the tenth loss. Sums in another order differ in the last bits, and ten steps of Adam make more of that.
COMMON_TOLERANCES = (1e-4, 5e-3)
TOLERANCES = {
    'mlpbn': (0.03, 0.05),  # everybody drops other units
    'resnet18': (1e-4, 0.02),  # the loss has fallen to a hundredth by then
}
WITHOUT_REFERENCE = ('mlpbn',)
# What Apus is to reach: of a training step's time its share of the best peer's, on the whole and at worst; the same beside PyTorch as
# experts run it; of a prediction's time at worst; and its memory as a share of the leanest peer's.
MEAN_GOAL, WORST_GOAL, TUNED_MEAN_GOAL, TUNED_GOAL, PREDICTION_GOAL, MEMORY_GOAL = 0.5, 0.8, 0.7, 0.95, 1, 0.5


def references():
    """The losses of the first and the tenth step, computed in float64. Those with dropout have no reference."""
    found = {}
    for name in ('workloads', 'image_workloads', 'charlstm'):
        path = os.path.join(os.path.dirname(HERE), 'Tests', 'ApusNNTests', 'Fixtures', name + '.json')
        if os.path.exists(path):
            with open(path) as file:
                found |= {key.split()[1]: (w['losses'][0], w['losses'][9]) for key, w in json.load(file).items()}
    return {name: losses for name, losses in found.items() if name not in WITHOUT_REFERENCE}


def milliseconds(workload, lines):
    """Of a step, or of the whole process seen from outside."""
    return 1000 * median(lines, 'wall_s') if workload == 'coldstart' else median(lines, 'ms_per_step_median')


def loss_problems(workload, results, reference):
    """Who disagrees with the reference, or with the median of all where there is none; in words."""
    found = []
    for contestant, lines in results.items():
        if any(line.get('params') != line.get('params_expected') for line in lines):
            found.append(f'{contestant.label} has {lines[0]["params"]} parameters')
    fields = ('out',) if workload == 'coldstart' else ('loss_first', 'loss_10')
    for i, field in enumerate(fields):
        values = {contestant: median(lines, field) for contestant, lines in results.items()}
        missing = [contestant.label for contestant, value in values.items() if value is None]
        found += [f'{label} has no {field}' for label in missing]
        known = [value for value in values.values() if value is not None]
        if not known:
            continue
        expected = reference[i] if reference else statistics.median(known)
        tolerance = TOLERANCES.get(workload, COMMON_TOLERANCES)[i]
        found += [
            f'{field} of {contestant.label} is {value:.6g}, expected {expected:.6g}'
            for contestant, value in values.items()
            if value is not None and not abs(value - expected) <= tolerance * abs(expected)
        ]
    return found


def fastest(workload, results):
    """The best contestant and its time."""
    times = {contestant: milliseconds(workload, lines) for contestant, lines in results.items()}
    return min(((c, t) for c, t in times.items() if t), key=lambda pair: pair[1], default=(None, None))


class Row:
    """One workload: Apus' better mode, the best peer, the best of PyTorch tuned, and the memory."""

    def __init__(self, workload, results):
        self.workload = workload
        ours = {c: lines for c, lines in results.items() if c.name == 'Apus'}
        tuned = {c: lines for c, lines in results.items() if c.name == 'PyTorch tuned'}
        peers = {c: lines for c, lines in results.items() if c not in ours and c not in tuned}
        self.by_mode = {c.mode: milliseconds(workload, lines) for c, lines in ours.items()}
        best, time = fastest(workload, ours)
        self.peer, self.peer_time = fastest(workload, peers)
        self.tuned, self.tuned_time = fastest(workload, tuned)
        self.memory = median(ours.get(best), 'peak_rss_mb')
        self.peer_memory = min((median(lines, 'peak_rss_mb') for lines in peers.values()), default=None)
        self.ratio, self.tuned_ratio = ratio(time, self.peer_time), ratio(time, self.tuned_time)
        self.memory_ratio = ratio(self.memory, self.peer_memory)

    def cells(self):
        return [
            self.workload, *(number(self.by_mode.get(mode)) for mode in ('program', 'eager')),
            f'{number(self.peer_time)} ({self.peer.label})' if self.peer else '-', number(self.ratio),
            f'{number(self.tuned_time)} ({self.tuned.mode})' if self.tuned else '-', number(self.tuned_ratio),
            number(self.memory), number(self.peer_memory), number(self.memory_ratio),
        ]


def show_networks(results):
    """Prints the comparison; returns whether all losses agree."""
    reference = references()
    rows, cells, problems = [], [], {}
    for workload in (w for w in NETWORKS if results.of(w)):
        found = loss_problems(workload, results.of(workload), reference.get(workload))
        if found:
            problems[workload] = found
            cells.append([workload, 'losses differ', *[''] * 8])
        else:
            rows.append(Row(workload, results.of(workload)))
            cells.append(rows[-1].cells())
    if not cells:
        return True
    header = ['ms', 'Apus program', 'Apus eager', 'best peer', 'Apus/best', 'PyTorch tuned', 'Apus/tuned']
    table([*header, 'Apus MiB', 'leanest peer', 'Apus/leanest'], cells)
    for workload, found in problems.items():
        print(f'{workload}: losses differ, so its times do not count:', *found, sep='\n  ')
    show_goals(rows)
    show_all_modes('median ms per step', results, milliseconds)
    show_all_modes('seconds to the end of the first step', results, lambda _, lines: median(lines, 'startup_s'))
    return not problems


def show_goals(rows):
    def verdict(name, values, goal, count, choose=max):
        known = [value for value in values if value]
        if known:
            value = choose(known)
            word = 'reached' if value <= goal else 'MISSED'
            partly = f', but only {len(known)} of {count} workloads count' if len(known) < count else ''
            print(f'{name}: {number(value)}, goal {goal}: {word}{partly}')

    training = [row for row in rows if row.workload in TRAINING]
    rest = [row.ratio for row in rows if row.workload not in TRAINING]
    count = len(TRAINING)
    ratios, tuned = [row.ratio for row in training], [row.tuned_ratio for row in training]
    verdict('training, Apus/best, geometric mean', ratios, MEAN_GOAL, count, geometric_mean)
    verdict('training, Apus/best, worst', ratios, WORST_GOAL, count)
    verdict('training, Apus/PyTorch tuned, geometric mean', tuned, TUNED_MEAN_GOAL, count, geometric_mean)
    verdict('training, Apus/PyTorch tuned, worst', tuned, TUNED_GOAL, count)
    verdict('prediction and start, Apus/best, worst', rest, PREDICTION_GOAL, len(NETWORKS) - count)
    verdict('memory, Apus/leanest, worst', [row.memory_ratio for row in rows], MEMORY_GOAL, len(NETWORKS))
    print()


def show_all_modes(title, results, value):
    """Every contestant in a row, every workload in a column."""
    workloads = [workload for workload in NETWORKS if results.of(workload)]
    contestants = dict.fromkeys(c for workload in workloads for c in results.of(workload))
    rows = [
        [c.label, *(number(value(w, results.of(w)[c]) if c in results.of(w) else None) for w in workloads)]
        for c in contestants
    ]
    table([title, *workloads], rows)
