"""Makes the reference numbers of the recurrent layers: recurrent.json.

Run:    python make_recurrent.py          (writes beside this file; a second)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU), in float64.

Everything is drawn from one numpy.random.RandomState(seed) per case (see make_training.py), as 0.5 * randn(), rounded to float32, in this order:
parameters, cell by cell (layer by layer, forward before backward): weight_ih, weight_hh, bias_ih, bias_hh; x (n, steps, inputs); the state
(cells, n, units), if the case carries one, h before c; then the weights of the loss: of the outputs, of the last h, of the last c.
The loss is the sum of outputs and last states times those weights.
"""

import json, os

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {'tanh': (torch.nn.RNN, {}), 'relu': (torch.nn.RNN, {'nonlinearity': 'relu'}), 'lstm': (torch.nn.LSTM, {}), 'gru': (torch.nn.GRU, {})}


def case(kind, seed, n=3, steps=5, inputs=4, units=3, layers=1, both=False, lengths=None, carries=False, last_only=False, bias=True):
    random = np.random.RandomState(seed)

    def draw(*shape):
        return torch.from_numpy((0.5 * random.randn(*shape)).astype(np.float32).astype(np.float64))

    make, options = KINDS[kind]
    net = make(inputs, units, num_layers=layers, bidirectional=both, batch_first=True, bias=bias, **options)
    cells = layers * (2 if both else 1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(draw(*parameter.shape))
    x = draw(n, steps, inputs).requires_grad_()
    count = 2 if kind == 'lstm' else 1
    state = [draw(cells, n, units).requires_grad_() for _ in range(count)] if carries else None
    given = None if state is None else tuple(state) if count == 2 else state[0]
    sequence = x if lengths is None else pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    y, last = net(sequence, given)
    if lengths is not None:
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=steps)
    last = list(last) if count == 2 else [last]
    weights = [draw(*y.shape)] + [draw(*s.shape) for s in last]
    loss = sum((a * w).sum() for a, w in zip(last, weights[1:]))
    if not last_only:
        loss = loss + (y * weights[0]).sum()
    loss.backward()
    flat = lambda t: t.detach().numpy().ravel().tolist()
    return {
        'kind': kind, 'seed': seed, 'n': n, 'steps': steps, 'inputs': inputs, 'units': units, 'layers': layers, 'isBidirectional': both,
        'hasBias': bias, 'lengths': lengths, 'carries': carries, 'lastOnly': last_only, 'output': flat(y), 'state': [flat(s) for s in last],
        'inputGradient': flat(x.grad), 'stateGradients': [flat(s.grad) for s in state or []],
        'gradients': {name: flat(p.grad) for name, p in net.named_parameters() if not (name.startswith('bias_hh') and kind != 'gru')},
    }


cases = []
for i, kind in enumerate(KINDS):
    seed = 100 * (i + 1)
    cases += [
        case(kind, seed),
        case(kind, seed + 1, carries=True),
        case(kind, seed + 2, layers=2, both=True, n=2, steps=4),
        case(kind, seed + 3, both=True, lengths=[2, 5, 1], carries=True),
        case(kind, seed + 4, lengths=[4, 1, 3], last_only=True),
        case(kind, seed + 5, n=2, steps=3, layers=2, both=True, bias=False),
        case(kind, seed + 6, n=1, steps=2, inputs=1, units=1),
        case(kind, seed + 7, n=2, steps=1, carries=True),
        case(kind, seed + 8, n=3, steps=4, inputs=2, layers=2, both=kind == 'lstm', lengths=[1, 4, 2], carries=True),
    ]
with open(os.path.join(HERE, 'recurrent.json'), 'w') as file:
    file.write('[\n' + ',\n'.join(json.dumps(c) for c in cases) + '\n]\n')
print(os.path.getsize(os.path.join(HERE, 'recurrent.json')))
