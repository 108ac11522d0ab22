"""Makes image_workloads.json, the reference numbers of whole training runs on images, as make_training.py does for dense networks.

Run:    python make_image_workloads.py    (writes beside this file; some minutes)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU, one thread).

Parameters and data are drawn as make_training.py describes, in PyTorch's arrangement: images (n, channels, height, width), weights of
convolutions (out, in, height, width), of transposed ones (in, out, height, width) with out * height * width as their fan-in. dcgan's
real images are tanh(randn), its second array is the noise.
"""

import numpy as np
import torch
import torch.nn.functional as F

from make_training import checks, fnv1a, initial, linear, norm, write

RESIDUALS = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]


def filters(name, inputs, outputs, size, bias=False, transposed=False):
    shape = (inputs, outputs, size, size) if transposed else (outputs, inputs, size, size)
    fan = {'uniform': (outputs if transposed else inputs) * size * size}
    return [(name + '.w', shape, fan)] + ([(name + '.b', (outputs,), fan)] if bias else [])


def parameters(name):
    if name == 'W6 lenet':
        dense = linear('fc1', 400, 120) + linear('fc2', 120, 84) + linear('fc3', 84, 10)
        return filters('c1', 1, 6, 5, True) + filters('c2', 6, 16, 5, True) + dense
    if name == 'W7 cnn32':
        result, inputs = [], 3
        for k, outputs in enumerate((32, 64, 128)):
            result += filters(f'c{k}a', inputs, outputs, 3) + norm(f'n{k}a', outputs)
            result += filters(f'c{k}b', outputs, outputs, 3) + norm(f'n{k}b', outputs)
            inputs = outputs
        return result + linear('fc', 128, 10)
    if name == 'W8 resnet18':
        result = filters('stem', 3, 64, 3) + norm('stemn', 64)
        for k, (i, o, stride) in enumerate(RESIDUALS):
            result += filters(f'r{k}a', i, o, 3) + norm(f'r{k}an', o) + filters(f'r{k}b', o, o, 3) + norm(f'r{k}bn', o)
            if stride != 1 or i != o:
                result += filters(f'r{k}s', i, o, 1) + norm(f'r{k}sn', o)
        return result + linear('fc', 512, 10)
    generator = linear('G.fc', 100, 6272, bias=False) + norm('G.n1', 128) + filters('G.t1', 128, 64, 4, transposed=True)
    generator += norm('G.n2', 64) + filters('G.t2', 64, 1, 4, True, transposed=True)
    critic = filters('D.c1', 1, 64, 4, True) + filters('D.c2', 64, 128, 4) + norm('D.n', 128) + linear('D.fc', 6272, 1)
    return generator + critic


def data(name):
    random = np.random.RandomState(7)
    if name == 'W12 dcgan':
        images = np.tanh(random.randn(64, 1, 28, 28).astype(np.float32).astype(np.float64)).astype(np.float32)
        return images, random.randn(64, 100).astype(np.float32)
    shape = {'W6 lenet': (128, 1, 28, 28), 'W7 cnn32': (64, 3, 32, 32), 'W8 resnet18': (32, 3, 32, 32)}[name]
    return random.randn(*shape).astype(np.float32), random.randint(0, 10, shape[0]).astype(np.int32)


def normed(p, name, x):
    return F.batch_norm(x, None, None, p[name + '.g'], p[name + '.b'], training=True)


def lenet(p, x):
    x = F.max_pool2d(torch.relu(F.conv2d(x, p['c1.w'], p['c1.b'], padding=2)), 2)
    x = F.max_pool2d(torch.relu(F.conv2d(x, p['c2.w'], p['c2.b'])), 2).flatten(1)
    x = torch.relu(F.linear(x, p['fc1.w'], p['fc1.b']))
    x = torch.relu(F.linear(x, p['fc2.w'], p['fc2.b']))
    return F.linear(x, p['fc3.w'], p['fc3.b'])


def cnn32(p, x):
    for k in range(3):
        for half in 'ab':
            x = torch.relu(normed(p, f'n{k}{half}', F.conv2d(x, p[f'c{k}{half}.w'], padding=1)))
        x = F.max_pool2d(x, 2)
    return F.linear(x.mean((2, 3)), p['fc.w'], p['fc.b'])


def resnet18(p, x):
    x = torch.relu(normed(p, 'stemn', F.conv2d(x, p['stem.w'], padding=1)))
    for k, (i, o, stride) in enumerate(RESIDUALS):
        y = torch.relu(normed(p, f'r{k}an', F.conv2d(x, p[f'r{k}a.w'], stride=stride, padding=1)))
        y = normed(p, f'r{k}bn', F.conv2d(y, p[f'r{k}b.w'], padding=1))
        if f'r{k}s.w' in p:
            x = normed(p, f'r{k}sn', F.conv2d(x, p[f'r{k}s.w'], stride=stride))
        x = torch.relu(x + y)
    return F.linear(x.mean((2, 3)), p['fc.w'], p['fc.b'])


def generate(p, z):
    x = torch.relu(normed(p, 'G.n1', F.linear(z, p['G.fc.w']).reshape(-1, 128, 7, 7)))
    x = torch.relu(normed(p, 'G.n2', F.conv_transpose2d(x, p['G.t1.w'], stride=2, padding=1)))
    return torch.tanh(F.conv_transpose2d(x, p['G.t2.w'], p['G.t2.b'], stride=2, padding=1))


def criticise(p, x):
    x = F.leaky_relu(F.conv2d(x, p['D.c1.w'], p['D.c1.b'], stride=2, padding=1), 0.2)
    x = F.leaky_relu(normed(p, 'D.n', F.conv2d(x, p['D.c2.w'], stride=2, padding=1)), 0.2)
    return F.linear(x.flatten(1), p['D.fc.w'], p['D.fc.b'])


def classifier_step(network, optimizer, p, x, y):
    loss = F.cross_entropy(network(p, x), y.long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def gan_step(optimizers, p, real, noise):
    generator, critic = optimizers
    fake = generate(p, noise)
    loss = F.softplus(-criticise(p, real)).mean() + F.softplus(criticise(p, fake.detach())).mean()
    critic.zero_grad()
    loss.backward()
    critic.step()
    generator.zero_grad()
    F.softplus(-criticise(p, fake)).mean().backward()
    generator.step()
    return loss.item()


def train(name, values, batch, kind):
    p = {k: torch.from_numpy(v.astype(np.float64)).to(kind).requires_grad_() for k, v in values.items()}
    x, y = (torch.from_numpy(a) for a in batch)
    x, y = x.to(kind), y.to(kind) if y.is_floating_point() else y
    if name == 'W12 dcgan':
        adam = lambda part: torch.optim.Adam([v for k, v in p.items() if k.startswith(part)], lr=2e-4, betas=(0.5, 0.999))
        optimizers = adam('G.'), adam('D.')
        step = lambda: gan_step(optimizers, p, x, y)
    else:
        network = {'W6 lenet': lenet, 'W7 cnn32': cnn32, 'W8 resnet18': resnet18}[name]
        optimizer = {
            'W6 lenet': lambda: torch.optim.SGD(p.values(), lr=0.01, momentum=0.9),
            'W7 cnn32': lambda: torch.optim.Adam(p.values(), lr=1e-3),
            'W8 resnet18': lambda: torch.optim.SGD(p.values(), lr=0.01, momentum=0.9, weight_decay=5e-4),
        }[name]()
        step = lambda: classifier_step(network, optimizer, p, x, y)
    losses = [step() for _ in range(10)]
    return losses, {k: checks(v.detach().numpy()) for k, v in p.items()}


def workload(name):
    shapes = parameters(name)
    arrays, batch = initial(shapes), data(name)
    losses, after = train(name, arrays, batch, torch.float64)
    losses32 = train(name, arrays, batch, torch.float32)[0]
    print(name, sum(a.size for a in arrays.values()), losses[0], losses[9], losses32[9], flush=True)
    return {
        'parameters': [dict(name=n, shape=list(s), init=k, **checks(arrays[n]), fnv1a=fnv1a(arrays[n])) for n, s, k in shapes],
        'data': {
            k: dict(shape=list(v.shape), dtype=str(v.dtype), **checks(v), fnv1a=fnv1a(v)) for k, v in zip('xy', batch)
        },
        'losses': losses,
        'losses32': losses32,
        'after10': after,
    }


if __name__ == '__main__':
    print('numpy', np.__version__, 'torch', torch.__version__)
    names = ('W6 lenet', 'W7 cnn32', 'W8 resnet18', 'W12 dcgan')
    write('image_workloads.json', {name: workload(name) for name in names}, 2)
