"""How long `apus predict` takes from its start to its first output, and how much memory `apus train digits` needs."""

import os
import statistics
import subprocess
import tempfile
import time

STARTS = 21


def start(command):
    """Runs a command: milliseconds to its first output and to its end, MiB at its peak, exit code."""
    begin = time.monotonic()
    reader, writer = os.pipe()
    with open(os.devnull, 'w') as nothing:
        process = subprocess.Popen(command, stdout=writer, stderr=nothing)
    os.close(writer)
    first, chunk = None, b'-'
    while chunk:
        chunk = os.read(reader, 65536)
        if chunk and first is None:
            first = time.monotonic() - begin
    os.close(reader)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    end = time.monotonic() - begin
    return (first or end) * 1e3, end * 1e3, usage.ru_maxrss / 1024, process.returncode


def medians(name, command, starts):
    """Prints the medians of several starts; says whether all went well."""
    runs = [start(command) for _ in range(starts)]
    if any(run[3] for run in runs):
        print(f'{name}: skipped, exit code {max(run[3] for run in runs)}')
        return False
    first, end, memory = (statistics.median(run[i] for run in runs) for i in range(3))
    print(
        f'{name}: first output after {first:.1f} ms, end after {end:.1f} ms, '
        f'peak memory {memory:.1f} MiB ({starts} starts)'
    )
    return True


def measure_command_line(apus, root):
    if not os.path.exists(apus):
        print(f'The command line was not measured: {apus} is missing; build it with: swift build -c release')
        return
    with tempfile.TemporaryDirectory() as directory:
        model = os.path.join(directory, 'model')
        train = [apus, 'train', 'digits', '--output', model]
        if start([*train, '--epochs', '1'])[3]:
            print("The command line was not measured: this 'apus' has no 'train digits --epochs 1 --output DIR'.")
            return
        row = os.path.join(directory, 'row.csv')
        with open(os.path.join(root, 'Sources', 'CApusDatasets', 'data', 'digits.csv')) as digits:
            header_and_row = digits.readline() + digits.readline()
        with open(row, 'w') as file:
            file.write(header_and_row)
        medians('apus predict, one row of digits', [apus, 'predict', model, '--input', row], STARTS)
        medians('apus train digits, one epoch', [*train, '--epochs', '1'], STARTS)
        medians('apus train digits', train, 3)
        print()
