"""Makes double_backward.json: gradients of a penalty on a gradient, which take second derivatives through images' operations.

Run:    python make_double_backward.py    (writes beside this file; deterministic)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU).

A critic D = sum(tanh(conv(pool(conv(x))))) of images, and the penalty mean((|grad D(x)| - 1)^2) over the images, as Wasserstein GANs
with gradient penalty have it. Stored are x, the weights (Apus's arrangement: channels last), the penalty and its gradients.
"""

import json, os

import numpy as np
import torch
import torch.nn.functional as F

CASES = {
    'max': lambda x: F.max_pool2d(x, 3, 2, 1),
    'average': lambda x: F.avg_pool2d(x, 2),
    'transposed': None,
}


def case(name, pool):
    random = np.random.RandomState(3)
    draw = lambda *shape: torch.tensor(np.round(random.randn(*shape), 3), dtype=torch.float64, requires_grad=True)
    x = draw(3, 2, 6, 5)
    first, second = draw(4, 2, 3, 3), draw(4, 3, 2, 2) if pool is None else draw(3, 4, 2, 2)
    z = F.conv2d(x, first, stride=1, padding=1)
    z = torch.tanh(z if pool is None else pool(z))
    d = torch.tanh(F.conv_transpose2d(z, second, stride=2) if pool is None else F.conv2d(z, second)).sum()
    (slope,) = torch.autograd.grad(d, x, create_graph=True)
    penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    penalty.backward()
    last = lambda t: t.detach().movedim(1, -1).contiguous()
    tensors = dict(x=x, first=first, second=second, dx=x.grad, dfirst=first.grad, dsecond=second.grad)
    return dict(
        name=name,
        penalty=penalty.item(),
        **{k: dict(shape=list(last(t).shape), data=last(t).flatten().tolist()) for k, t in tensors.items()},
    )


if __name__ == '__main__':
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'double_backward.json')
    with open(path, 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(case(*c)) for c in CASES.items()) + '\n]\n')
    print(f'{os.path.getsize(path):,} bytes')
