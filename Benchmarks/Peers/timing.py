"""How the peers' work is timed, and the line of JSON that each of them prints."""

import json
import os
import resource
import time

from workloads import SIZES, options

import numpy as np


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


def peak_memory():
    """MiB. On Linux getrusage also remembers whoever started this process, so the kernel's own record comes first."""
    try:
        with open('/proc/self/status') as status:
            return next(int(line.split()[1]) for line in status if line.startswith('VmHWM')) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine_seconds():
    """Seconds that all processes together have spent on the processors."""
    try:
        with open('/proc/stat') as stat:
            ticks = [int(field) for field in stat.readline().split()[1:8]]
    except OSError:
        return 0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf('SC_CLK_TCK')


def report(framework, version, mode, **fields):
    line = dict(framework=framework, version=version, mode=mode, workload=options.workload, threads=options.threads)
    print(json.dumps({**line, **fields}), flush=True)


def measure(framework, version, mode, step, net, *, parameters, losses=np.ravel, steps_per_call=1):
    """Times `step`, which runs `steps_per_call` complete steps; `losses` reads their losses from what it returns.

    Warm-up: ten steps and a tenth of the time (at least 0.3 s). Then every call is timed on its own.
    """
    found = list(losses(step()))
    startup = process_age()
    clock = time.perf_counter
    begin = clock()
    while len(found) < 10 or clock() - begin < max(0.3, 0.1 * options.seconds):
        result = step()
        if len(found) < 10:
            found += list(losses(result))
    times = []
    busy, own, begin = machine_seconds(), time.process_time(), clock()
    end = begin + options.seconds
    while (clock() < end or len(times) < 5) and len(times) < 200_000:
        before = clock()
        result = step()
        times.append((clock() - before) * 1e3 / steps_per_call)
    wall = clock() - begin
    own = (time.process_time() - own) / wall
    peak = peak_memory()  # before anything is made of the times
    median, tenth, ninth = (float(value) for value in np.percentile(times, (50, 10, 90)))
    report(
        framework, version, mode,
        ms_per_step_median=round(median, 5), ms_per_step_min=round(min(times), 5),
        ms_p10=round(tenth, 5), ms_p90=round(ninth, 5), steps=len(times) * steps_per_call,
        loss_first=float(found[0]), loss_10=float(found[9]), loss_last=float(losses(result)[-1]),
        peak_rss_mb=round(peak, 1), startup_s=startup,
        params=int(parameters), params_expected=net.parameter_count,
        own_cpus=round(own, 2), other_cpus=round(max(0, (machine_seconds() - busy) / wall - own), 2),
    )


def predict(framework, version, mode, prediction, net, *, parameters, outputs=np.asarray):
    """Times predictions of one sample, or only makes the first one of the process; `outputs` gives them as an array."""
    if options.workload == 'coldstart':
        out = float(np.ravel(outputs(prediction()))[0])
        report(
            framework, version, mode, startup_s=process_age(), out=out, peak_rss_mb=round(peak_memory(), 1),
            params=int(parameters), params_expected=net.parameter_count,
        )
        os._exit(0)  # without tidying up, as everybody else
    measure(
        framework, version, mode, prediction, net, parameters=parameters,
        losses=lambda result: [float(np.sum(outputs(result)))],
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
        results[str(n)] = [round(rate / float(np.median(times)), 1), round(rate / min(times), 1)]
    report(framework, version, mode, gflops_median_best=results)
