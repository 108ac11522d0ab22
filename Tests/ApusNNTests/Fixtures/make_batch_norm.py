"""Makes the reference numbers of batch normalisation: batch_norm.json.

Run:    python make_batch_norm.py          (writes beside this file)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU, float64).

Every case: x (the features last), gamma, beta, and the weights w of a sum: loss = sum(w y). "output" is y in training from fresh
running statistics (mean 0, variance 1), "dx", "dgamma", "dbeta" are the gradients of the loss; "runningMean" and
"runningVariance" are the statistics after a second batch too, 2 x + 1; "predicted" is what x then gives outside of training.
"""

import json, os

import numpy as np
import torch

CASES = [  # shape, momentum, epsilon, mean of x
    ((4, 3), 0.1, 1e-5, 0),
    ((2, 5), 0.1, 1e-5, 0),  # two rows: the unbiased variance is twice the biased one
    ((9, 17), 0.3, 1e-3, 0),  # a vector and one column more
    ((70, 7), 0.1, 1e-5, 1e4),  # more than a block of rows, and a mean that dwarfs the deviation
    ((6, 1), 1.0, 1e-5, -2),
    ((3, 4, 5), 0.1, 1e-5, 1),
    ((2, 3, 4, 6), 0.05, 1e-4, 0),  # images, NHWC
]


def case(index, shape, momentum, epsilon, mean):
    random = np.random.RandomState(index)
    features = shape[-1]
    x = torch.tensor((random.randn(*shape) + mean).tolist(), dtype=torch.float64, requires_grad=True)
    weights = torch.tensor(random.randn(*shape).tolist(), dtype=torch.float64)
    layer = torch.nn.BatchNorm1d(features, eps=epsilon, momentum=momentum, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(random.uniform(0.5, 2, features)))
        layer.bias.copy_(torch.from_numpy(random.randn(features)))

    def apply(x):
        return layer(x.reshape(-1, features)).reshape(shape)

    y = apply(x)
    (y * weights).sum().backward()
    with torch.no_grad():
        apply(2 * x + 1)
    layer.eval()
    tensors = dict(
        x=x, gamma=layer.weight, beta=layer.bias, weights=weights, output=y, dx=x.grad, dgamma=layer.weight.grad,
        dbeta=layer.bias.grad, runningMean=layer.running_mean, runningVariance=layer.running_var, predicted=apply(x),
    )
    numbers = {name: tensor.detach().flatten().tolist() for name, tensor in tensors.items()}
    return dict(shape=list(shape), momentum=momentum, epsilon=epsilon, **numbers)


if __name__ == '__main__':
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'batch_norm.json')
    with open(path, 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(case(i, *c)) for i, c in enumerate(CASES)) + '\n]\n')
    print(f'{os.path.getsize(path):,} bytes')
