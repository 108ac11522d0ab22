"""PyTorch. Modes: eager (the optimiser as it is by default), eager-fused (its fused form), compile (network and loss
compiled, the optimiser fused)."""

from timing import measure, measure_products, predict
from workloads import DROPPED, EPSILON, MOMENTUM, STATISTICS_MOMENTUM
from workloads import batch, chosen_mode, matrices, network, options, parameters, predicts

import torch
from torch import nn
from torch.nn import functional

mode = chosen_mode('eager', 'eager-fused', 'compile')
version = torch.__version__
torch.set_num_threads(options.threads)
torch.manual_seed(0)

if options.workload == 'gemm':

    def make(n):
        a, b = map(torch.from_numpy, matrices(n))
        c = torch.empty(n, n)
        return lambda: torch.mm(a, b, out=c)

    with torch.inference_mode():
        measure_products('torch', version, mode, make)
    raise SystemExit

net = network()


def dense(layer):
    outputs, inputs = layer.weight.shape
    module = nn.Linear(inputs, outputs, bias=layer.gain is None, device='meta')
    module.weight = nn.Parameter(torch.from_numpy(layer.weight))
    if layer.gain is None:
        module.bias = nn.Parameter(torch.from_numpy(layer.bias))
    return module


def build(layers):
    modules = []
    for layer in layers:
        modules.append(dense(layer))
        if layer.gain is not None:  # gains start as 1 and shifts as 0 here too
            modules.append(nn.BatchNorm1d(len(layer.gain), eps=EPSILON, momentum=STATISTICS_MOMENTUM))
        if layer is not layers[-1]:
            modules.append(nn.Tanh() if net.activation == 'tanh' else nn.ReLU(inplace=True))
        if layer.gain is not None:
            modules.append(nn.Dropout(DROPPED))
    return nn.Sequential(*modules)


model = build(parameters(net))
count = sum(parameter.numel() for parameter in model.parameters())
x, target = batch(net)
x = torch.from_numpy(x)

if predicts():
    model.eval()
    with torch.inference_mode():
        run = torch.compile(model) if mode == 'compile' else model
        predict('torch', version, mode, lambda: run(x), net, parameters=count, outputs=torch.Tensor.numpy)
    raise SystemExit

target = torch.from_numpy(target)
if net.loss == 'softmax':
    target = target.long()
criterion = {
    'softmax': functional.cross_entropy,
    'binary': functional.binary_cross_entropy_with_logits,
    'squared': lambda z, y: functional.mse_loss(z, y, reduction='sum'),
}[net.loss]


def loss_function(x, target):
    return criterion(model(x), target)


form = {} if mode == 'eager' else {'fused': True}
if net.optimizer == 'adam':
    optimizer = torch.optim.Adam(model.parameters(), net.rate, **form)
else:
    momentum = MOMENTUM if net.optimizer == 'momentum' else 0
    optimizer = torch.optim.SGD(model.parameters(), net.rate, momentum=momentum, **form)
if mode == 'compile':
    loss_function = torch.compile(loss_function)


def step():
    optimizer.zero_grad()
    loss = loss_function(x, target)
    loss.backward()
    optimizer.step()
    return loss


measure('torch', version, mode, step, net, parameters=count, losses=lambda loss: [loss.item()])
