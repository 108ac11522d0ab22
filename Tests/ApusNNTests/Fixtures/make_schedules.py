"""Makes schedules.json: learning rates of PyTorch's schedulers, step by step, and weight averages, in float64.

Run:    python make_schedules.py         (writes beside this file)
Needs:  torch. The file at hand was made with torch 2.13.0 (CPU).
"""

import json, os

import torch
from torch.optim import lr_scheduler as S

torch.set_default_dtype(torch.float64)
STEPS = 60


def rates(make, steps=STEPS):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return found


def plateau(losses, **options):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler, found = S.ReduceLROnPlateau(optimizer, **options), []
    for loss in losses:
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]['lr'])
    return dict(losses=losses, rates=found)


def average(function):
    """The averages after each of ten steps of a parameter that goes from 1 to 10."""
    model = torch.nn.Linear(1, 1, bias=False)
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=function)
    found = []
    for value in range(1, 11):
        with torch.no_grad():
            model.weight.fill_(float(value) ** 2)
        averaged.update_parameters(model)
        found.append(averaged.module.weight.item())
    return found


LOSSES = [3, 2.5, 2.4, 2.4, 2.41, 2.39999, 2.5, 2.2, 2.2, 2.2, 2.2, 2.2, 2.2, 2.1, 2.1, 2.1, 2.1, 2.1, 2.1, -1, -1.5, -1.5]
result = dict(
    step=rates(lambda o: S.StepLR(o, 7, 0.5)),
    milestones=rates(lambda o: S.MultiStepLR(o, [5, 11, 40], 0.3)),
    exponential=rates(lambda o: S.ExponentialLR(o, 0.95)),
    polynomial=rates(lambda o: S.PolynomialLR(o, 50, 1.7)),
    cosine=rates(lambda o: S.CosineAnnealingLR(o, 60, 0.02)),
    cosineRestarts=rates(lambda o: S.CosineAnnealingWarmRestarts(o, 8, 1, 0.01)),
    cosineRestartsGrowing=rates(lambda o: S.CosineAnnealingWarmRestarts(o, 5, 2, 0.01)),
    oneCycle=rates(lambda o: S.OneCycleLR(o, 0.5, STEPS), STEPS - 1),
    oneCycleSlow=rates(lambda o: S.OneCycleLR(o, 0.5, 40, pct_start=0.5), 39),
    plateau=plateau(LOSSES, factor=0.5, patience=2),
    plateauCooldown=plateau(LOSSES, factor=0.1, patience=1, cooldown=3, min_lr=0.02, threshold=0.05),
    exponentialAverage=average(torch.optim.swa_utils.get_ema_multi_avg_fn(0.8)),
    equalAverage=average(torch.optim.swa_utils.get_swa_multi_avg_fn()),
)

if __name__ == '__main__':
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'schedules.json')
    with open(path, 'w') as file:
        file.write('{\n' + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in result.items()) + '\n}\n')
