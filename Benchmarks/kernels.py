"""Tables of Apus alone: its kernels beside the machine's limits, and many callers at once."""

import statistics

from tables import number, table


def merged(values):
    """Dictionaries of the same shape, number by number their median; lists of median and best likewise."""
    if isinstance(values[0], dict):
        return {key: merged([value[key] for value in values]) for key in values[0]}
    if isinstance(values[0], list):
        return [merged([value[i] for value in values]) for i in range(len(values[0]))]
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def percent(share):
    return '-' if share is None else f'{share:.0%}'


def show_products(results):
    """GFLOP/s of square products by size, beside the peers and a plain call of oneDNN."""
    lines = {contestant: merged([line['gflops_median_best'] for line in found]) for contestant, found in results.items()}
    for contestant, found in results.items():
        if contestant.name != 'Apus':
            continue
        plain = merged([line['sgemm_gflops_median_best'] for line in found])
        ratios = merged([line['ratio_to_sgemm'] for line in found])
        rows = [
            [n, *(number(by_size[n][0]) if n in by_size else '-' for by_size in lines.values()), number(plain[n][0]),
             f'{ratios[n]:.3f}']
            for n in plain
        ]
        table(['gemm, GFLOP/s', *(c.label for c in lines), 'dnnl_sgemm', 'Apus/dnnl_sgemm'], rows)


def show_ceilings(line):
    """What the machine can do: medians."""
    teams = list(next(iter(line['arithmetic_gflops'].values())))
    titles = [f'{team} thread{"s" if team != "1" else ""}' for team in teams]
    rows = [
        [f'arithmetic, {name}, GFLOP/s', *(number(rates[team][0]) for team in teams)]
        for name, rates in line['arithmetic_gflops'].items()
    ]
    for level, by_team in line['bandwidth_gbs'].items():
        for stream in ('read', 'copy', 'triad'):
            rows.append([f'{level}, {stream}, GB/s', *(number(by_team[team][stream][0]) for team in teams)])
    table(['the machine', *titles], rows)


def show_kernels(line):
    for group, kernels in line['kernels'].items():
        unit = 'GFLOP/s' if group == 'products' else 'GB/s'
        rows = [
            [name, number(k['us']), number(k['rate']), number(k['ceiling']), percent(k['share'])]
            for name, k in kernels.items()
        ]
        table([group, 'us', unit, 'limit', 'share'], rows)


def show_elementwise(line):
    rows = []
    for size, operations in line['elementwise'].items():
        for name, fields in operations.items():
            rates = [number(fields[field]) for field in ('gbs', 'stream_gbs', 'memcpy_gbs')]
            rows.append([f'{name}, {int(size):,}', *rates, percent(fields['share']), percent(fields['share_memcpy'])])
    table(['element-wise, GB/s', 'Apus', 'plain loop', 'memcpy', 'of the loop', 'of memcpy'], rows)


def show_optimizers(line):
    rows = []
    for size, optimizers in line['optimizers'].items():
        for name, fields in optimizers.items():
            rates = [number(fields[field]) for field in ('ns', 'gbs', 'triad_gbs', 'copy_gbs')]
            rows.append([f'{name}, {int(size):,}', *rates, percent(fields['share']), percent(fields['share_copy'])])
    table(['a step of an optimiser', 'ns/element', 'GB/s', 'triad', 'copy', 'of the triad', 'of the copy'], rows)


def show_concurrent(line, label):
    rows = [
        [clients, number(f['predictions_per_s']), number(f['p50_us']), number(f['p99_us'])]
        for clients, f in line['clients'].items()
    ]
    table([f'threads calling one model, {label}', 'predictions/s', 'p50, us', 'p99, us'], rows)


def show_micro(results):
    if results.of('gemm'):
        show_products(results.of('gemm'))
    for workload, fields, show in (
        ('ceilings', ('arithmetic_gflops', 'bandwidth_gbs'), show_ceilings), ('kernels', ('kernels',), show_kernels),
        ('elementwise', ('elementwise',), show_elementwise), ('optimizers', ('optimizers',), show_optimizers),
    ):
        for lines in results.of(workload).values():
            show(merged([{field: line[field] for field in fields} for line in lines]))
    for contestant, lines in results.of('concurrent-mlp').items():
        show_concurrent(merged([{'clients': line['clients']} for line in lines]), contestant.label)
