"""Makes the reference numbers of whole training runs: workloads.json, optimizers.json, planar_xor.json.

Run:    python make_training.py          (writes beside this file; a few seconds)
Needs:  numpy, torch. The files at hand were made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU, one thread).

HOW TO REBUILD THE INITIAL PARAMETERS AND THE DATA WITHOUT PYTHON
(Sources/ApusTestSupport/NumPyRandomState.swift does this.) Everything is drawn from numpy.random.RandomState(seed):

* Words: MT19937, n = 624, m = 397. An integer seed is seeded by init_genrand (not by init_by_array): key[0] = seed,
  key[i] = 1812433253 * (key[i-1] ^ (key[i-1] >> 30)) + i, modulo 2^32; then position = 624, no spare gaussian.
  A word is tempered by y ^= y >> 11; y ^= (y << 7) & 0x9d2c5680; y ^= (y << 15) & 0xefc60000; y ^= y >> 18.
* random_sample(), rand(): two words, a = word >> 5, b = word >> 6; (a * 67108864 + b) / 9007199254740992.
* uniform(low, high): low + (high - low) * random_sample().
* randn() is legacy_gauss: return the spare value if there is one (and forget it); otherwise repeat
  x1 = 2 * random_sample() - 1, x2 = 2 * random_sample() - 1, r2 = x1*x1 + x2*x2 until r2 < 1 and r2 != 0;
  f = sqrt(-2 * log(r2) / r2); the spare value becomes f * x1, and f * x2 is returned. The spare value survives calls of
  the other functions.
* randint(0, 10, n) (64-bit default type, legacy masked rejection): the range's largest value 9 fits 32 bits, so every
  draw takes ONE word, keeps word & 15 (the smallest 2^k - 1 that is >= 9) and repeats while it exceeds 9 (of randint(0, 65):
  word & 127, until it is at most 64). There is no buffering between draws. (Largest values above 2^32 - 1 take two words, the first as the high half.)
* Arrays are filled in row-major order, computed in float64 and then rounded to float32.

Parameters: one RandomState(1234) per workload; arrays in the order of "parameters" in workloads.json, each by its "init":
  {"uniform": fan_in}   uniform(-1, 1) / sqrt(fan_in)      (both weights and biases draw)
  {"normal": scale}     randn() * scale
  {"constant": value}   draws nothing
  A linear layer's weight has shape (out, in): z = x Wt + b.
Data: one RandomState(7) per workload, x before y, by "draw": "randn", "rand" (= random_sample), "randint 0 10", "randint 0 65".
  planar is the course's flower instead: RandomState(1) and, for j = 0, 1 (200 points each, rows 200 j ..< 200 j + 200):
  t = linspace(3.12 j, 3.12 (j + 1), 200) + 0.2 randn(200), then r = 4 sin(4 t) + 0.2 randn(200), x = (r sin t, r cos t), y = j.
  linspace(a, b, n)[i] = a + i * ((b - a) / (n - 1)) with the last element exactly b.
  (Its sine and cosine may differ in the last bit of float64 between C libraries.)

Checks stored with every array: "first" (5 elements), "sum" (exact sum of the float32 elements, rounded once to float64) and
"fnv1a": h = 0xcbf29ce484222325; for each float32 (or int32) element: h = (h ^ bit pattern) * 0x100000001b3 modulo 2^64; hexadecimal.

One step = forward, loss, backward, update, on the same whole batch each time; "losses"[k] is the loss that step k + 1
computed before its update. "after10" holds first and sum of every parameter after the tenth update.
"""

import json, math, os

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, content, indent_to=2):
    """JSON with one line per innermost record: short files, readable differences."""

    def text(value, depth):
        if depth < indent_to and isinstance(value, dict):
            inner = ',\n'.join(f'{json.dumps(k)}: {text(v, depth + 1)}' for k, v in value.items())
            return '{\n' + inner + '\n}'
        return json.dumps(value)

    path = os.path.join(HERE, name)
    with open(path, 'w') as file:
        file.write(text(content, 0) + '\n')
    print(f'{name}: {os.path.getsize(path):,} bytes')


def fnv1a(array):
    hashed = 0xCBF29CE484222325
    for word in np.ascontiguousarray(array).view(np.uint32).ravel().tolist():
        hashed = ((hashed ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f'{hashed:016x}'


def checks(array):
    flat = array.astype(np.float64).ravel()
    return {'first': flat[:5].tolist(), 'sum': math.fsum(flat)}


# Workloads.


def linear(name, inputs, outputs, kind=None, bias=True):
    kinds = (kind, {'constant': 0}) if kind else ({'uniform': inputs}, {'uniform': inputs})
    weight, shift = (name + '.w', (outputs, inputs), kinds[0]), (name + '.b', (outputs,), kinds[1])
    return [weight, shift] if bias else [weight]


def dense_chain(*widths):
    return [entry for i, (m, n) in enumerate(zip(widths, widths[1:])) for entry in linear(f'fc{i + 1}', m, n)]


def gpt(vocabulary, context, blocks, width):
    small, residual = {'normal': 0.02}, {'normal': 0.02 / (2 * blocks) ** 0.5}
    arrays = [('wte', (vocabulary, width), small), ('wpe', (context, width), small)]
    for i in range(blocks):
        arrays += [
            (f'h{i}.ln1', (width,), {'constant': 1}),
            (f'h{i}.qkv', (3 * width, width), small),
            (f'h{i}.proj', (width, width), residual),
            (f'h{i}.ln2', (width,), {'constant': 1}),
            (f'h{i}.fc', (4 * width, width), small),
            (f'h{i}.mlp', (width, 4 * width), residual),
        ]
    return arrays + [('lnf', (width,), {'constant': 1})]


def run_gpt(p, x, heads=4):
    batch, positions = x.shape
    width = p['wte'].shape[1]
    layer_norm = lambda a, gain: F.layer_norm(a, (width,), gain)
    a = p['wte'][x] + p['wpe']
    for i in range(sum(k.endswith('.qkv') for k in p)):
        qkv = F.linear(layer_norm(a, p[f'h{i}.ln1']), p[f'h{i}.qkv'])
        q, k, v = qkv.reshape(batch, positions, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(a.shape)
        a = a + F.linear(attended, p[f'h{i}.proj'])
        a = a + F.linear(F.gelu(F.linear(layer_norm(a, p[f'h{i}.ln2']), p[f'h{i}.fc'])), p[f'h{i}.mlp'])
    return F.linear(layer_norm(a, p['lnf']), p['wte']).reshape(batch * positions, -1)


def norm(name, features):
    return [(name + '.g', (features,), {'constant': 1}), (name + '.b', (features,), {'constant': 0})]


SMALL = {'normal': 0.01}
WORKLOADS = {
    'W1 planar': dict(
        parameters=linear('fc1', 2, 4, SMALL) + linear('fc2', 4, 1, SMALL),
        data={'x': ['flower', 400, 2], 'y': ['flower', 400, 1]},
        layers=['tanh', 'none'],
        loss='binaryCrossEntropyWithLogits mean',
        optimizer={'sgd': 1.2},
    ),
    'W2 softmax784': dict(
        parameters=linear('fc', 784, 10),
        data={'x': ['randn', 128, 784], 'y': ['randint 0 10', 128]},
        layers=['none'],
        loss='softmaxCrossEntropy mean',
        optimizer={'sgd': 0.1},
    ),
    'W3 mlp784': dict(
        parameters=dense_chain(784, 512, 512, 10),
        data={'x': ['randn', 128, 784], 'y': ['randint 0 10', 128]},
        layers=['relu', 'relu', 'none'],
        loss='softmaxCrossEntropy mean',
        optimizer={'adam': 1e-3},
    ),
    # Also has dropout of 0.5 after each relu; masks differ between frameworks, so the losses here are without.
    'W4 mlpbn': dict(
        parameters=linear('fc1', 784, 1024, bias=False)
        + norm('bn1', 1024)
        + linear('fc2', 1024, 1024, bias=False)
        + norm('bn2', 1024)
        + linear('fc3', 1024, 10),
        data={'x': ['randn', 256, 784], 'y': ['randint 0 10', 256]},
        layers=['batchNorm relu', 'batchNorm relu', 'none'],
        loss='softmaxCrossEntropy mean',
        optimizer={'sgd': 0.01, 'momentum': 0.9},
    ),
    'W5 twolayer': dict(
        parameters=dense_chain(1000, 100, 10),
        data={'x': ['randn', 64, 1000], 'y': ['randn', 64, 10]},
        layers=['relu', 'none'],
        loss='squaredError sum',
        optimizer={'adam': 1e-4},
    ),
    # Learned positions, pre-norm blocks of 4 heads with causal attention and exact GELU, the head tied to wte, no biases. Only matrices
    # decay.
    'W10 chargpt': dict(
        parameters=gpt(65, 64, 4, 128),
        data={'x': ['randint 0 65', 12, 64], 'y': ['randint 0 65', 12, 64]},
        layers=['gpt'],
        loss='softmaxCrossEntropy mean',
        optimizer={'adamW': 1e-3, 'betas': [0.9, 0.99], 'weight_decay': 0.1},
    ),
    'W11 autoenc': dict(
        parameters=dense_chain(784, 256, 64, 256, 784),
        data={'x': ['rand', 256, 784], 'y': ['same as x']},
        layers=['relu', 'relu', 'relu', 'none'],
        loss='binaryCrossEntropyWithLogits mean',
        optimizer={'adam': 1e-3},
    ),
}


def initial(parameters):
    random = np.random.RandomState(1234)
    values = {}
    for name, shape, kind in parameters:
        if 'uniform' in kind:
            value = random.uniform(-1, 1, shape) / kind['uniform'] ** 0.5
        elif 'normal' in kind:
            value = random.randn(*shape) * kind['normal']
        else:
            value = np.full(shape, float(kind['constant']))
        values[name] = value.astype(np.float32)
    return values


def flower():
    random = np.random.RandomState(1)
    x, y = np.zeros((400, 2)), np.zeros((400, 1))
    for j in range(2):
        rows = slice(200 * j, 200 * (j + 1))
        t = np.linspace(j * 3.12, (j + 1) * 3.12, 200) + random.randn(200) * 0.2
        r = 4 * np.sin(4 * t) + random.randn(200) * 0.2
        x[rows], y[rows] = np.c_[r * np.sin(t), r * np.cos(t)], j
    return x.astype(np.float32), y.astype(np.float32)


def batch(data):
    if data['x'][0] == 'flower':
        return flower()
    random = np.random.RandomState(7)

    def draw(kind, *shape):
        if kind == 'randn':
            return random.randn(*shape).astype(np.float32)
        if kind == 'rand':
            return random.rand(*shape).astype(np.float32)
        return random.randint(*map(int, kind.split()[1:]), shape).astype(np.int32)

    x = draw(*data['x'])
    return x, x if data['y'][0] == 'same as x' else draw(*data['y'])


def train(workload, kind):
    values = {k: torch.from_numpy(v).to(kind).requires_grad_() for k, v in initial(workload['parameters']).items()}
    x, y = map(torch.from_numpy, batch(workload['data']))
    x, y = (t.to(kind) if t.is_floating_point() else t.long() for t in (x, y))
    is_gpt = workload['layers'] == ['gpt']
    (name, rate), *options = workload['optimizer'].items()
    if name == 'adamW':
        groups = [dict(params=[v for v in values.values() if v.ndim >= 2]), dict(params=[v for v in values.values() if v.ndim < 2], weight_decay=0)]
        optimizer = torch.optim.AdamW(groups, lr=rate, **dict(options))
    else:
        optimizer = (torch.optim.SGD if name == 'sgd' else torch.optim.Adam)(values.values(), lr=rate, **dict(options))
    loss_function = {
        'binaryCrossEntropyWithLogits mean': F.binary_cross_entropy_with_logits,
        'softmaxCrossEntropy mean': F.cross_entropy,
        'squaredError sum': lambda p, t: F.mse_loss(p, t, reduction='sum'),
    }[workload['loss']]
    losses = []
    for _ in range(10):
        a, arrays = x, iter(values.values())
        if is_gpt:
            a = run_gpt(values, x)
        for layer in [] if is_gpt else workload['layers']:
            *norm, activation = layer.split()
            a = F.linear(a, next(arrays), None if norm else next(arrays))
            if norm:
                a = F.batch_norm(a, None, None, next(arrays), next(arrays), training=True)
            if activation != 'none':
                a = getattr(torch, activation)(a)
        loss = loss_function(a, y.flatten() if is_gpt else y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {k: checks(v.detach().numpy()) for k, v in values.items()}


def workloads():
    result = {}
    for name, workload in WORKLOADS.items():
        arrays, (x, y) = initial(workload['parameters']), batch(workload['data'])
        losses, after = train(workload, torch.float64)
        result[name] = {
            'parameters': [
                dict(name=n, shape=list(s), init=k, **checks(arrays[n]), fnv1a=fnv1a(arrays[n]))
                for n, s, k in workload['parameters']
            ],
            'data': {
                k: dict(
                    draw=workload['data'][k][0], shape=list(v.shape), dtype=str(v.dtype), **checks(v), fnv1a=fnv1a(v)
                )
                for k, v in (('x', x), ('y', y))
            },
            'layers': workload['layers'],
            'loss': workload['loss'],
            'optimizer': workload['optimizer'],
            'losses': losses,
            'losses32': train(workload, torch.float32)[0],
            'after10': after,
        }
    return result


# Optimisers: trajectories of two parameters.

FUNCTIONS = {
    'quadratic': dict(start=[1.0, -1.5], formula='(x^2 + 10 y^2) / 2', value=lambda x, y: (x * x + 10 * y * y) / 2),
    'rosenbrock': dict(
        start=[-1.2, 1.0],
        formula='(1 - x)^2 + 100 (y - x^2)^2',
        value=lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    ),
}
O = torch.optim
OPTIMIZERS = {  # name: (class, options, rate on the quadratic, rate on Rosenbrock's function)
    'sgd': (O.SGD, {}, 0.05, 1e-3),
    'sgd weightDecay': (O.SGD, dict(weight_decay=0.1), 0.05, 1e-3),
    'momentum': (O.SGD, dict(momentum=0.9), 0.02, 2e-4),
    'nesterov': (O.SGD, dict(momentum=0.9, nesterov=True), 0.02, 2e-4),
    'momentum weightDecay': (O.SGD, dict(momentum=0.9, weight_decay=0.1), 0.02, 2e-4),
    'adam': (O.Adam, {}, 0.1, 0.05),
    'adam betas': (O.Adam, dict(betas=(0.5, 0.99), eps=1e-4), 0.1, 0.05),
    'adam weightDecay': (O.Adam, dict(weight_decay=0.1), 0.1, 0.05),
    'adam amsgrad': (O.Adam, dict(amsgrad=True), 0.1, 0.05),
    'adamW': (O.AdamW, dict(weight_decay=0.01), 0.1, 0.05),
    'adamW strong': (O.AdamW, dict(weight_decay=0.5), 0.1, 0.05),
    'rmsProp': (O.RMSprop, dict(alpha=0.9), 0.01, 0.002),
    'rmsProp momentum': (O.RMSprop, dict(alpha=0.9, momentum=0.9), 0.001, 0.0002),
    'rmsProp centered': (O.RMSprop, dict(alpha=0.9, centered=True, eps=1e-3), 0.005, 0.0005),
    'adagrad': (O.Adagrad, {}, 0.1, 0.1),
    'adadelta': (O.Adadelta, {}, 1.0, 1.0),
    'adamax': (O.Adamax, {}, 0.1, 0.05),
    'nadam': (O.NAdam, {}, 0.1, 0.05),
    'adagrad decay': (O.Adagrad, dict(lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.5), 0.1, 0.1),
    'adadelta weightDecay': (O.Adadelta, dict(rho=0.8, weight_decay=0.1), 1.0, 1.0),
    'rmsProp all': (O.RMSprop, dict(alpha=0.9, momentum=0.5, centered=True, eps=1e-3, weight_decay=0.1), 0.002, 2e-4),
    'adamax weightDecay': (O.Adamax, dict(weight_decay=0.1), 0.1, 0.05),
    'nadam weightDecay': (O.NAdam, dict(weight_decay=0.1, momentum_decay=0.1), 0.1, 0.05),
    'nadam decoupled': (O.NAdam, dict(weight_decay=0.1, decoupled_weight_decay=True), 0.1, 0.05),
    'radam': (O.RAdam, {}, 0.05, 2e-4),
    'radam weightDecay': (O.RAdam, dict(betas=(0.8, 0.9), weight_decay=0.1), 0.05, 5e-4),
    'radam decoupled': (O.RAdam, dict(betas=(0.8, 0.99), weight_decay=0.1, decoupled_weight_decay=True), 0.05, 5e-4),
}
DEFINITIONS = {
    'sgd': 'g += weight_decay p; p -= lr g',
    'momentum': 'g += weight_decay p; v = momentum v + g (v starts at 0); p -= lr v',
    'nesterov': 'v = momentum v + g; p -= lr (g + momentum v)',
    'momentum average': 'v = beta v + (1 - beta) g; p -= lr v',
    'adam': 'g += weight_decay p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; '
    'p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps); amsgrad: the largest v so far instead of v',
    'adamW': 'p *= 1 - lr weight_decay; then adam without weight_decay',
    'rmsProp': 's = alpha s + (1 - alpha) g^2; centered: a = alpha a + (1 - alpha) g, d = sqrt(s - a^2) + eps, otherwise '
    'd = sqrt(s) + eps; p -= lr g / d; with momentum: u = momentum u + g / d, p -= lr u',
    'adagrad': 's += g^2; p -= lr g / (sqrt(s) + eps)',
    'adadelta': 's = rho s + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(s + eps) g; u = rho u + (1 - rho) d^2; p -= lr d',
    'adamax': 'm = b1 m + (1 - b1) g; u = max(b2 u, |g| + eps); p -= lr / (1 - b1^t) m / u',
    'radam': 'm, v as adam; rho = 2 / (1 - b2) - 1, rho_t = rho - 2 t b2^t / (1 - b2^t); p -= lr m / (1 - b1^t), for rho_t > 5 times '
    'sqrt((rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t)) sqrt(1 - b2^t) / (sqrt(v) + eps)',
    'lion': 'p -= lr weight_decay p; p -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g',
    'rmsProp keras': 's = alpha s + (1 - alpha) g^2; p -= lr g / sqrt(s + eps)',
    'lbfgs': 'torch.optim.LBFGS without a line search; the path has the point after each call of step, of max_iter iterations',
    'nadam': 'mu_t = b1 (1 - 0.5 * 0.96^(t momentum_decay)); m, v as adam; '
    'p -= lr (mu_(t+1) m / (1 - prod_(i<=t+1) mu_i) + (1 - mu_t) g / (1 - prod_(i<=t) mu_i)) / (sqrt(v / (1 - b2^t)) + eps)',
}


def trajectory(function, make):
    point = torch.tensor(function['start'], dtype=torch.float64, requires_grad=True)
    step, path = make(point), [list(function['start'])]
    for _ in range(100):
        point.grad = None
        function['value'](*point).backward()
        step()
        path.append(point.tolist())
    assert np.all(np.isfinite(path)) and abs(np.array(path)).max() < 5
    return path


def averaged(point, rate, beta):
    velocity = torch.zeros_like(point)

    def step():
        velocity.mul_(beta).add_((1 - beta) * point.grad)
        with torch.no_grad():
            point.sub_(rate * velocity)

    return step


def lion(point, rate, betas, decay):
    m = torch.zeros_like(point)

    def step():
        with torch.no_grad():
            point.sub_(rate * decay * point)
            point.sub_(rate * torch.sign(betas[0] * m + (1 - betas[0]) * point.grad))
            m.mul_(betas[1]).add_((1 - betas[1]) * point.grad)

    return step


def rmsprop_as_in_keras(point, rate, alpha, eps):
    s = torch.zeros_like(point)

    def step():
        with torch.no_grad():
            s.mul_(alpha).add_((1 - alpha) * point.grad**2)
            point.sub_(rate * point.grad / torch.sqrt(s + eps))

    return step


def lbfgs(function, calls, **options):
    point = torch.tensor(function['start'], dtype=torch.float64, requires_grad=True)
    optimizer, path = O.LBFGS([point], **options), [list(function['start'])]

    def closure():
        optimizer.zero_grad()
        value = function['value'](*point)
        value.backward()
        return value

    for _ in range(calls):
        optimizer.step(closure)
        path.append(point.tolist())
    assert np.all(np.isfinite(path)) and abs(np.array(path)).max() < 5
    return path


def optimizers():
    torch.set_default_dtype(torch.float64)  # NAdam would keep its product of the mu in float32
    runs = {}
    for i, (place, function) in enumerate(FUNCTIONS.items()):
        for name, (kind, options, *rates) in OPTIMIZERS.items():
            used = {}

            def make(point):
                optimizer = kind([point], lr=rates[i], **options)
                skipped = (
                    'params',
                    'maximize',
                    'foreach',
                    'capturable',
                    'differentiable',
                    'fused',
                    'decoupled_weight_decay',
                )
                used.update({k: v for k, v in optimizer.defaults.items() if k not in skipped})
                return optimizer.step

            path = trajectory(function, make)
            runs[f'{name} on {place}'] = dict(optimizer=name.split()[0], options=used, function=place, path=path)
        rate = (0.1, 1e-3)[i]
        path = trajectory(function, lambda point: averaged(point, rate, 0.9))
        runs[f'momentum average on {place}'] = dict(
            optimizer='momentum average', options=dict(lr=rate, beta=0.9), function=place, path=path
        )
        options = dict(lr=(0.02, 0.01)[i], betas=(0.9, 0.95), weight_decay=0.1)
        path = trajectory(function, lambda point: lion(point, options['lr'], options['betas'], 0.1))
        runs[f'lion on {place}'] = dict(optimizer='lion', options=options, function=place, path=path)
        options = dict(lr=(0.01, 0.002)[i], alpha=0.9, eps=1e-3)
        path = trajectory(function, lambda point: rmsprop_as_in_keras(point, options['lr'], 0.9, 1e-3))
        runs[f'rmsProp keras on {place}'] = dict(optimizer='rmsProp keras', options=options, function=place, path=path)
        # On Rosenbrock's function rounding grows: 60 steps make 1e-8 of a change of 4e-16 in where they start.
        options = dict(lr=(0.3, 0.2)[i], max_iter=1, history_size=5)
        runs[f'lbfgs on {place}'] = dict(
            optimizer='lbfgs', options=options, function=place, path=lbfgs(function, (60, 30)[i], **options)
        )
        options = dict(lr=(0.5, 0.25)[i], max_iter=4, history_size=3)
        runs[f'lbfgs calls on {place}'] = dict(
            optimizer='lbfgs', options=options, function=place, path=lbfgs(function, (12, 6)[i], **options)
        )
    functions = {k: dict(start=v['start'], formula=v['formula']) for k, v in FUNCTIONS.items()}
    return dict(definitions=DEFINITIONS, functions=functions, runs=runs)


# The course's 2-4-1 network on XOR, NumPy, column convention.


def xor(rate, steps=10_000, kept=(0, 1, 10, 100, 1000, 2000, 5000, 9000, 9999, 10_000)):
    x, y, m = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0.0, 1, 1, 0]]), 4
    random = np.random.RandomState(0)
    w1, b1 = random.randn(4, 2) * 0.01, np.zeros((4, 1))
    w2, b2 = random.randn(1, 4) * 0.01, np.zeros((1, 1))
    start = dict(W1=w1.tolist(), b1=b1.tolist(), W2=w2.tolist(), b2=b2.tolist())
    costs = {}
    for step in range(steps + 1):
        a1 = np.tanh(w1 @ x + b1)
        a2 = 1 / (1 + np.exp(-(w2 @ a1 + b2)))
        if step in kept:
            costs[str(step)] = float(-np.sum(y * np.log(a2) + (1 - y) * np.log(1 - a2)) / m)
        if step == steps:
            break
        dz2 = a2 - y
        dw2, db2 = dz2 @ a1.T / m, dz2.sum(axis=1, keepdims=True) / m
        dz1 = (w2.T @ dz2) * (1 - a1**2)
        dw1, db1 = dz1 @ x.T / m, dz1.sum(axis=1, keepdims=True) / m
        w1, b1, w2, b2 = w1 - rate * dw1, b1 - rate * db1, w2 - rate * dw2, b2 - rate * db2
    end = dict(W1=w1.tolist(), b1=b1.tolist(), W2=w2.tolist(), b2=b2.tolist())
    return dict(learningRate=rate, start=start, costs=costs, end=end, outputs=a2.tolist())


def planar_xor():
    about = (
        '2-4-1 tanh/sigmoid network on XOR, columns are the samples 00 01 10 11, RandomState(0), weights randn * 0.01 '
        '(W1 before W2), biases 0, binary cross-entropy averaged over the 4 samples, batch gradient descent; '
        'costs[k] is the cost after k updates, so 9999 is what iteration number 10,000 prints before its update'
    )
    return dict(about=about, x=[[0, 0, 1, 1], [0, 1, 0, 1]], y=[[0, 1, 1, 0]], runs=[xor(1.2), xor(0.001)])


if __name__ == '__main__':
    print('numpy', np.__version__, 'torch', torch.__version__)
    write('workloads.json', workloads(), 2)
    write('optimizers.json', optimizers(), 2)
    write('planar_xor.json', planar_xor(), 1)
