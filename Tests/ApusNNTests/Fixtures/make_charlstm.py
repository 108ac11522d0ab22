"""Makes the reference numbers of the benchmark workload W9 (charlstm): charlstm.json, in the form of workloads.json.

Run:    python make_charlstm.py           (writes beside this file; half a minute)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU, one thread).

How parameters and data are drawn is written in make_training.py. Embedding 65 x 128, an LSTM layer of 256 units with one bias (PyTorch's second
one is 0 and frozen), a linear layer to 65 logits at every position; cross-entropy over all 64 x 64 positions; Adam 1e-3.
"""

import numpy as np
import torch
import torch.nn.functional as F

from make_training import checks, fnv1a, initial, write, linear

PARAMETERS = [('emb', (65, 128), {'normal': 1}), ('w_ih', (1024, 128), {'uniform': 256}), ('w_hh', (1024, 256), {'uniform': 256}),
              ('b', (1024,), {'uniform': 256})] + linear('head', 256, 65)


def batch():
    random = np.random.RandomState(7)
    return [random.randint(0, 65, (64, 64)).astype(np.int32) for _ in 'xy']


def train(kind):
    p = {k: torch.from_numpy(v).to(kind).requires_grad_() for k, v in initial(PARAMETERS).items()}
    x, y = (torch.from_numpy(a).long() for a in batch())
    optimizer = torch.optim.Adam(p.values(), lr=1e-3)
    lstm = torch.nn.LSTM(128, 256, batch_first=True, dtype=kind)
    zero = torch.zeros(1024, dtype=kind)
    losses = []
    for _ in range(10):
        weights = {'weight_ih_l0': p['w_ih'], 'weight_hh_l0': p['w_hh'], 'bias_ih_l0': p['b'], 'bias_hh_l0': zero}
        h, _ = torch.func.functional_call(lstm, weights, F.embedding(x, p['emb']))
        loss = F.cross_entropy(F.linear(h, p['head.w'], p['head.b']).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {k: checks(v.detach().numpy()) for k, v in p.items()}


arrays, (x, y), (losses, after) = initial(PARAMETERS), batch(), train(torch.float64)
write('charlstm.json', {'W9 charlstm': {
    'parameters': [dict(name=n, shape=list(s), init=k, **checks(arrays[n]), fnv1a=fnv1a(arrays[n])) for n, s, k in PARAMETERS],
    'data': {k: dict(draw='randint 0 65', shape=list(v.shape), dtype=str(v.dtype), **checks(v), fnv1a=fnv1a(v)) for k, v in (('x', x), ('y', y))},
    'layers': ['embedding', 'lstm', 'none'], 'loss': 'softmaxCrossEntropy mean', 'optimizer': {'adam': 1e-3},
    'losses': losses, 'losses32': train(torch.float32)[0], 'after10': after}})
print(losses[0], losses[-1])
