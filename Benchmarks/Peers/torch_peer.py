"""PyTorch. Modes: eager (the optimiser as it is by default), eager-fused (its fused form), eager-cl (that, with images channels
last), compile (network and loss compiled, the optimiser fused), compile-cl (that, with images channels last)."""

from timing import measure, measure_products, predict
from workloads import MOMENTUM, batch, chosen_mode, matrices, network, options, parameters, predicts

import torch
from torch.nn import functional

mode = chosen_mode('eager', 'eager-fused', 'eager-cl', 'compile', 'compile-cl')
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

import torch_networks  # noqa: E402 (products start without)

net = network()
arrays = parameters(net)
compiles = torch.compile if mode.startswith('compile') else lambda function: function


def arranged(value):
    """A model or images in the arrangement of the mode."""
    is_image = isinstance(value, torch.nn.Module) or value.dim() == 4
    return value.to(memory_format=torch.channels_last) if mode.endswith('-cl') and is_image else value


model = arranged(torch_networks.network(net, arrays))
x, target = (None if array is None else torch.from_numpy(array) for array in batch(net))
x = arranged(x)


def count(*models):
    return sum(p.numel() for model in models for p in model.parameters() if p.requires_grad)


if predicts():
    model.eval()
    with torch.inference_mode():
        run = compiles(model)
        predict('torch', version, mode, lambda: run(x), net, parameters=count(model), outputs=torch.Tensor.numpy)
    raise SystemExit


def optimizer(model):
    form = {} if mode == 'eager' else {'fused': True}
    weights = [p for p in model.parameters() if p.requires_grad]
    if net.optimizer == 'adam':
        return torch.optim.Adam(weights, net.rate, betas=net.betas, **form)
    if net.optimizer == 'adamw':  # matrices alone decay
        groups = [
            {'params': [p for p in weights if p.dim() > 1], 'weight_decay': net.decay},
            {'params': [p for p in weights if p.dim() <= 1], 'weight_decay': 0},
        ]
        return torch.optim.AdamW(groups, net.rate, betas=net.betas, **form)
    momentum = MOMENTUM if net.optimizer == 'momentum' else 0
    return torch.optim.SGD(weights, net.rate, momentum=momentum, weight_decay=net.decay, **form)


def classifier_step():
    criterion = {
        'softmax': functional.cross_entropy, 'binary': functional.binary_cross_entropy_with_logits,
        'squared': lambda z, y: functional.mse_loss(z, y, reduction='sum'),
    }[net.loss]
    inputs = x.long() if x.dtype == torch.int32 else x
    labels = target.long().flatten() if net.loss == 'softmax' else target
    loss_function = compiles(lambda x, y: criterion(model(x), y))
    update = optimizer(model)

    def step():
        update.zero_grad()
        loss = loss_function(inputs, labels)
        loss.backward()
        update.step()
        return loss

    return step, model


def gan_step():
    critic = arranged(torch_networks.stack(net.critic, arrays))
    generate, judge = compiles(model), compiles(critic)
    first, second = optimizer(critic), optimizer(model)
    noise = target

    def step():
        fake = generate(noise)
        first.zero_grad()
        loss = functional.softplus(-judge(x)).mean() + functional.softplus(judge(fake.detach())).mean()
        loss.backward()
        first.step()
        # The generator's half needs no gradients of the critic's weights.
        critic.requires_grad_(False)
        second.zero_grad()
        functional.softplus(-judge(fake)).mean().backward()
        second.step()
        critic.requires_grad_(True)
        return loss

    return step, model, critic


step, *models = gan_step() if net.kind == 'gan' else classifier_step()
measure('torch', version, mode, step, net, parameters=count(*models), losses=lambda loss: [loss.item()])
