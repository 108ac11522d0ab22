"""Who takes part: Apus and every peer that one of the given Pythons has, each as a command that prints a line of JSON."""

import json
import os
import subprocess
import sys
import time
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, 'Peers')
MKL_ON_AMD = os.path.join(HERE, '.build', 'mkl_on_amd.so')

DENSE = ('planar', 'softmax784', 'mlp784', 'mlpbn', 'twolayer', 'autoenc')
IMAGES = ('lenet', 'cnn32', 'resnet18', 'dcgan')
TEXTS = ('charlstm', 'chargpt')
# In the order of their definitions, W1 to W14 and W16.
TRAINING = (*DENSE[:5], *IMAGES[:3], *TEXTS, 'autoenc', 'dcgan')
PREDICTION = ('infer1-mlp', 'infer1-lenet')
NETWORKS = (*TRAINING, *PREDICTION, 'coldstart')

# Several modes and the workloads of each; only the first mode multiplies the matrices of gemm. Modes that were never the best of their
# framework for a workload are left out there, and MLX where a step takes seconds.
Framework = namedtuple('Framework', 'name key script packages modes')
FRAMEWORKS = (
    Framework('NumPy', 'numpy', 'numpy_peer.py', ('numpy',), {'eager': (*DENSE, 'infer1-mlp', 'coldstart')}),
    Framework('JAX', 'jax', 'jax_peer.py', ('numpy', 'jax', 'optax'), {'step': NETWORKS, 'scan': DENSE}),
    Framework(
        'PyTorch', 'torch', 'torch_peer.py', ('numpy', 'torch'),
        {
            'eager': (*DENSE, 'charlstm', 'dcgan', *PREDICTION, 'coldstart'), 'eager-fused': TRAINING, 'eager-cl': IMAGES,
            'compile': (*DENSE, 'chargpt', *PREDICTION), 'compile-cl': ('dcgan',),
        },
    ),
    Framework(
        'Keras', 'keras', 'keras_peer.py', ('numpy', 'tensorflow', 'keras'),
        {'graph': NETWORKS, 'jit': (*DENSE, *TEXTS, *PREDICTION)},
    ),
    Framework(
        'MLX', 'mlx', 'mlx_peer.py', ('numpy', 'mlx'),
        {'compile': (*DENSE, 'lenet', 'chargpt', *PREDICTION), 'eager': (*DENSE, *PREDICTION, 'coldstart')},
    ),
    Framework(
        'ONNX Runtime', 'onnxruntime', 'ort_peer.py', ('numpy', 'onnxruntime', 'onnx'),
        {'iobind': PREDICTION, 'run': (*PREDICTION, 'coldstart')},
    ),
)
# PyTorch as somebody runs it who has read about it: MKL with AVX-512 on AMD too, and memory that is kept for the next step
# instead of being given back to the system.
TUNING = {'MALLOC_MMAP_THRESHOLD_': '4294967296', 'MALLOC_TRIM_THRESHOLD_': '8589934592'}
TUNED_MODES = {
    'eager': (*PREDICTION, 'coldstart'), 'eager-fused': (*DENSE, *TEXTS), 'eager-cl': IMAGES,
    'compile': (*DENSE, 'chargpt', *PREDICTION), 'compile-cl': ('dcgan',),
}


class Contestant:
    """One framework in one mode."""

    def __init__(self, name, mode, command, workloads, environment=None):
        self.name, self.mode, self.command, self.workloads = name, mode, command, workloads
        self.environment = environment or {}

    @property
    def label(self):
        return f'{self.name} {self.mode}'

    def start(self, workload, options):
        command = [*self.command, '--workload', workload, '--mode', self.mode]
        command += ['--threads', str(options.threads), '--seconds', str(options.seconds)]
        environment = {**os.environ, **self.environment, 'BENCH_STARTED': str(time.monotonic_ns())}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process, options):
        """The fields of its line, or a sentence that says why there is none."""
        limit = options.seconds * 10 + 180
        try:
            out, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f'stopped after {limit:.0f} s'
        lines = [line for line in out.splitlines() if line.startswith('{')]
        if process.returncode or not lines:
            return (errors.strip() or out.strip() or f'exit code {process.returncode}').splitlines()[-1]
        return json.loads(lines[-1])

    def run(self, workload, options):
        begin = time.monotonic()
        line = self.finish(self.start(workload, options), options)
        return line if isinstance(line, str) else {**line, 'wall_s': time.monotonic() - begin}


def has_modules(python, modules):
    code = 'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))'
    try:
        return subprocess.run([python, '-c', code, *modules], capture_output=True).returncode == 0
    except OSError:
        return False


def find_peers(pythons, wanted):
    """The peers, and for each that cannot take part a sentence."""
    peers, absent = [], []
    for framework in FRAMEWORKS:
        if wanted and framework.key not in wanted:
            absent.append(f'{framework.name}: not asked for')
            continue
        python = next((python for python in pythons if has_modules(python, framework.packages)), None)
        if not python:
            absent.append(f'{framework.name}: not installed (needs {", ".join(framework.packages)})')
            continue
        command = [python, os.path.join(PEERS, framework.script)]
        first = next(iter(framework.modes))
        for mode, workloads in framework.modes.items():
            gemm = ('gemm',) if mode == first and framework.key != 'onnxruntime' else ()
            peers.append(Contestant(framework.name, mode, command, (*workloads, *gemm)))
        if framework.key == 'torch':
            if os.path.exists(MKL_ON_AMD):
                environment = {**TUNING, 'LD_PRELOAD': MKL_ON_AMD}
                for mode, workloads in TUNED_MODES.items():
                    peers.append(Contestant('PyTorch tuned', mode, command, workloads, environment))
            else:
                absent.append(f'PyTorch tuned: {os.path.relpath(MKL_ON_AMD)} is missing; Scripts/bench.sh builds it')
    return peers, absent


def show_progress(text):
    """One line that the next one overwrites, where somebody is looking."""
    if sys.stderr.isatty():
        print(f'\r{text}\033[K', end='', file=sys.stderr, flush=True)


class Results:
    """The lines of all rounds by workload and contestant, and why some are missing."""

    def __init__(self, path):
        self.lines, self.failures, self.disturbed = {}, {}, []
        self.file = open(path, 'w') if path else None

    def measure(self, workload, contestants, rounds, options):
        """One process at a time, in alternation. Who fails is not asked again."""
        field = [c for c in contestants if workload in c.workloads]
        for number in range(rounds):
            for contestant in field:
                if (contestant, workload) in self.failures:
                    continue
                show_progress(f'{workload}, round {number + 1}: {contestant.label}')
                line = contestant.run(workload, options)
                if isinstance(line, str):
                    self.failures[contestant, workload] = line
                    continue
                self.lines.setdefault(workload, {}).setdefault(contestant, []).append(line)
                if line.get('other_cpus', 0) > 0.2:
                    self.disturbed.append(line['other_cpus'])
                if self.file:
                    self.file.write(json.dumps({'contestant': contestant.label, 'round': number + 1, **line}) + '\n')
                    self.file.flush()
        show_progress('')

    def of(self, workload):
        return self.lines.get(workload, {})
