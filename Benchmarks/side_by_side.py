"""How much slower training becomes when a second copy of the process trains too, on the same processors."""

from tables import median, number, ratio, table

WORKLOAD = 'mlp784'


def together(contestant, options):
    """The lines of two copies that run at the same time, or why there are none."""
    processes = [contestant.start(WORKLOAD, options) for _ in range(2)]
    lines = [contestant.finish(process, options) for process in processes]
    return next((line for line in lines if isinstance(line, str)), lines)


def side_by_side(contestants, options):
    """Prints a table of all of Apus' modes and the first mode of every peer."""
    trainers = [contestant for contestant in contestants if WORKLOAD in contestant.workloads]
    first = {contestant.name: contestant for contestant in reversed(trainers)}
    rows = []
    for contestant in (c for c in trainers if c.name == 'Apus' or c is first[c.name]):
        alone, both = [], []
        for _ in range(options.rounds):
            line = contestant.run(WORKLOAD, options)
            pair = line if isinstance(line, str) else together(contestant, options)
            if isinstance(pair, str):
                print(f'{contestant.label}: {pair}')
                break
            alone.append(line)
            both += pair
        if not alone:
            continue
        # Means: the system gives whole milliseconds of a processor to one and then to the other, which a median does not see.
        times = [options.seconds * 1e3 / median(lines, 'steps') for lines in (alone, both)]
        rows.append([contestant.label, *map(number, times), number(ratio(times[1], times[0]))])
    print()
    table([f'{WORKLOAD}, mean ms per step', 'alone', 'beside a copy', 'ratio'], rows)
