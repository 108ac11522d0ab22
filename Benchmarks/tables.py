"""Tables in plain text."""

import math
import statistics


def median(lines, field):
    """Over the rounds; None if no round has it."""
    values = [line[field] for line in lines or () if line.get(field) is not None]
    return statistics.median(values) if values else None


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def number(value, scale=1):
    """Three significant digits, and never an exponent."""
    if value is None:
        return '-'
    value *= scale
    if value == 0:
        return '0'
    return f'{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}'


def ratio(value, other):
    return None if value is None or not other else value / other


def table(header, rows, left=1):
    """Columns: the first `left` to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        cells = [cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        print('  '.join(cells).rstrip())
    print(flush=True)
