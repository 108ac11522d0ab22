"""Makes the reference numbers of normalisations, attention and the layers that change shapes: layers.json.

Run:    python make_layers.py          (writes beside this file)
Needs:  numpy, torch. The file at hand was made with Python 3.11, numpy 2.4.6, torch 2.13.0 (CPU, float64).

Every case: "layer" and its "settings"; "inputs", each a shape and its elements (images are NHWC here, NCHW within PyTorch); "parameters" in
the order of the layer; "weights" w of the sum Σ w y of which "gradients" are taken, first of the inputs, then of the parameters;
"output" y. Inputs have three decimals, so that they are the same numbers in text and in float64; results have twelve digits.
"""

import json, os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
random = np.random.RandomState(12)


def draw(*shape, deviation=1.0, mean=0.0):
    return torch.tensor(np.round(random.randn(*shape) * deviation + mean, 3)).requires_grad_()


def to_nchw(x):
    return x.movedim(-1, 1)


def to_nhwc(x):
    return x.movedim(1, -1)


def numbers(x):
    if x.dtype == torch.bool:
        return x.int().flatten().tolist()
    return [float(f'{v:.12g}') for v in x.detach().double().flatten().tolist()]


def case(layer, settings, inputs, parameters, function):
    y = function(*inputs)
    weights = torch.tensor(np.round(random.uniform(0.5, 1.5, y.shape) * random.choice([-1, 1], y.shape), 3))
    tracked = [t for t in inputs + parameters if t.requires_grad]
    found = torch.autograd.grad((y * weights).sum(), tracked, allow_unused=True)
    gradients = {id(t): torch.zeros_like(t) if g is None else g for t, g in zip(tracked, found)}
    return dict(
        layer=layer,
        settings=settings,
        inputs=[dict(shape=list(t.shape), elements=numbers(t)) for t in inputs],
        parameters=[dict(shape=list(t.shape), elements=numbers(t)) for t in parameters],
        weights=numbers(weights),
        outputShape=list(y.shape),
        output=numbers(y),
        gradients=[numbers(gradients[id(t)]) if t.requires_grad else [] for t in inputs + parameters],
    )


def instance_norm(x, g, b, eps):
    # PyTorch's own gradient of a batch of one whose strides are those of NHWC is wrong: the shift's is not the sum of the output's
    # (torch 2.13, CPU). Its outputs are right, and the gradient is that of the formula.
    axes = tuple(range(1, x.ndim - 1))
    centred = x - x.mean(axes, keepdim=True)
    y = centred * (centred.square().mean(axes, keepdim=True) + eps).rsqrt()
    y = y if g is None else y * g + b
    assert torch.allclose(y, to_nhwc(F.instance_norm(to_nchw(x), None, None, g, b, True, 0.1, eps)), atol=1e-12)
    return y


def normalizations():
    for shape, features, eps, gamma, beta, mean in [
        ((3, 5), 1, 1e-5, True, True, 0),
        ((2, 1), 1, 1e-5, True, True, 0),
        ((4, 16), 1, 1e-3, True, False, 0),
        ((2, 1, 37), 1, 1e-5, False, True, 3),
        ((2, 130), 1, 1e-5, True, True, 100),
        ((9,), 1, 1e-5, False, False, 0),
        ((2, 3, 4), 2, 1e-5, True, True, 0),
        ((30, 3), 1, 1e-5, True, True, 0),
    ]:
        axes = shape[-features:]
        g, b = draw(*axes, mean=1), draw(*axes)
        parameters = ([g] if gamma else []) + ([b] if beta else [])
        yield case(
            'layerNorm',
            dict(features=list(axes), epsilon=eps, gamma=gamma, beta=beta),
            [draw(*shape, mean=mean)],
            parameters,
            lambda x: F.layer_norm(x, axes, g if gamma else None, b if beta else None, eps),
        )
        if features == 1 and not beta or mean == 0 and gamma and features == 1:
            yield case(
                'rmsNorm',
                dict(features=list(axes), epsilon=eps, gamma=gamma),
                [draw(*shape, mean=mean)],
                [g] if gamma else [],
                lambda x: F.rms_norm(x, axes, g if gamma else None, eps),
            )
    for shape, groups, eps, affine in [
        ((2, 3, 4, 6), 3, 1e-5, True),
        ((2, 5, 6), 1, 1e-3, True),
        ((3, 2, 2, 2, 4), 4, 1e-5, False),
        ((4, 6), 2, 1e-5, True),
        ((1, 1, 3), 1, 1e-5, True),
    ]:
        g, b = draw(shape[-1], mean=1), draw(shape[-1])
        yield case(
            'groupNorm',
            dict(groups=groups, epsilon=eps, affine=affine),
            [draw(*shape, mean=2)],
            [g, b] if affine else [],
            lambda x: to_nhwc(F.group_norm(to_nchw(x), groups, g if affine else None, b if affine else None, eps)),
        )
    for shape, eps, affine in [((2, 5, 3), 1e-5, False), ((2, 3, 4, 5), 1e-3, True), ((1, 2, 2, 3, 2), 1e-5, True)]:
        g, b = draw(shape[-1], mean=1), draw(shape[-1])
        yield case(
            'instanceNorm',
            dict(epsilon=eps, affine=affine),
            [draw(*shape, mean=2)],
            [g, b] if affine else [],
            lambda x: instance_norm(x, g if affine else None, b if affine else None, eps),
        )
    for shape, size, alpha, beta, k in [
        ((2, 3, 7), 5, 1e-4, 0.75, 1.0),
        ((2, 2, 2, 4), 2, 0.5, 0.75, 2.0),
        ((1, 3, 3, 1), 3, 0.3, 0.5, 1.5),
        ((2, 2, 6), 1, 0.4, 1.2, 1.0),
        ((1, 2, 5), 8, 0.7, 0.75, 1.0),
    ]:
        yield case(
            'localResponseNorm',
            dict(size=size, alpha=alpha, beta=beta, k=k),
            [draw(*shape, deviation=2)],
            [],
            lambda x: to_nhwc(F.local_response_norm(to_nchw(x), size, alpha, beta, k)),
        )


def shapes():
    modes = {'constant': 'constant', 'reflection': 'reflect', 'replication': 'replicate', 'circular': 'circular'}
    for shape, widths in [
        ((2, 4, 3), [(2, 1)]),
        ((1, 3, 5, 2), [(1, 2), (0, 4)]),
        ((2, 3, 2, 4, 1), [(2, 1), (1, 0), (0, 3)]),
        ((1, 2, 3, 1), [(1, 1), (2, 0)]),
    ]:
        for mode, name in modes.items():
            value = 1.5 if mode == 'constant' and len(widths) == 2 else 0.0
            flat = [w for pair in reversed(widths) for w in pair]
            options = dict(value=value) if mode == 'constant' else {}
            yield case(
                'padding',
                dict(before=[a for a, _ in widths], after=[b for _, b in widths], mode=mode, value=value),
                [draw(*shape)],
                [],
                lambda x: to_nhwc(F.pad(to_nchw(x), flat, name, **options)),
            )
    names = {1: 'linear', 2: 'bilinear', 3: 'trilinear'}
    for shape, factors in [
        ((2, 4, 2), [2]),
        ((1, 1, 1), [3]),
        ((1, 5, 2), [1]),
        ((2, 3, 4, 2), [2, 3]),
        ((1, 1, 3, 1), [4, 2]),
        ((1, 2, 3, 2, 2), [2, 2, 3]),
    ]:
        for mode in ['nearest', 'linear', 'linearAligned']:
            size = [n * f for n, f in zip(shape[1:], factors)]
            options = (
                dict(mode='nearest') if mode == 'nearest'
                else dict(mode=names[len(factors)], align_corners=mode == 'linearAligned')
            )
            yield case(
                'upsampling',
                dict(factors=factors, mode=mode),
                [draw(*shape)],
                [],
                lambda x: to_nhwc(F.interpolate(to_nchw(x), size=size, **options)),
            )
    for shape, factor in [((2, 2, 3, 4), 2), ((1, 1, 2, 18), 3), ((1, 2, 2, 3), 1)]:
        yield case(
            'pixelShuffle', dict(factor=factor), [draw(*shape)], [],
            lambda x: to_nhwc(F.pixel_shuffle(to_nchw(x), factor)),
        )


def waves(positions, width):
    angle = np.arange(positions)[:, None] / 10000 ** (2 * (np.arange(width) // 2) / width)
    return torch.tensor(np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle)))


def turned(x, first, base):
    half = x.shape[-1] // 2
    angle = torch.arange(first, first + x.shape[1])[:, None, None] / base ** (torch.arange(half) / half)
    z = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag], -1)


def positions():
    for shape in [(2, 5, 4), (3, 7), (1, 1, 1)]:
        yield case('sinusoidalPositions', {}, [draw(*shape)], [], lambda x: x + waves(*shape[-2:]))
    for shape, first, base in [((2, 5, 3, 4), 0, 10000.0), ((1, 3, 1, 6), 7, 100.0)]:
        yield case('rotary', dict(first=first, base=base), [draw(*shape)], [], lambda x: turned(x, first, base))


def attentions():
    def masks(kind, shape):
        if kind == 'bool':
            return torch.tensor(random.rand(*shape) < 0.6)
        if kind == 'hidden':  # a row that sees nothing, and columns that nobody sees
            mask = torch.tensor(random.rand(*shape) < 0.7)
            mask[..., 0, :] = False
            mask[..., :, -1] = False
            return mask
        return torch.tensor(np.round(random.randn(*shape), 3))

    for leading, queries, keys, width, value, kind, mask_shape, causal, scale in [
        ((2,), 3, 4, 5, 6, None, None, False, None),
        ((), 1, 1, 1, 1, None, None, False, None),
        ((2, 3), 5, 5, 4, 4, None, None, True, None),
        ((1, 2), 4, 6, 3, 2, None, None, True, 0.7),
        ((2,), 6, 3, 8, 1, None, None, True, None),
        ((2, 2), 4, 5, 3, 3, 'bool', (4, 5), False, None),
        ((2, 2), 4, 5, 3, 3, 'bool', (2, 1, 1, 5), False, None),
        ((3,), 4, 5, 3, 4, 'hidden', (3, 4, 5), False, 0.3),
        ((2,), 3, 4, 6, 3, 'numbers', (2, 3, 4), False, None),
        ((2, 2), 3, 4, 6, 3, 'numbers', (1, 2, 1, 4), False, None),
        ((), 35, 67, 5, 3, 'bool', (35, 67), False, None),
    ]:
        inputs = [draw(*leading, queries, width), draw(*leading, keys, width), draw(*leading, keys, value)]
        mask = masks(kind, mask_shape) if kind else None
        settings = dict(causal=causal, scale=scale)
        if kind:
            settings['mask'] = dict(shape=list(mask_shape), elements=numbers(mask), isBool=kind != 'numbers')
        yield case(
            'attention', settings, inputs, [],
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale),
        )


def set_all(module):
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(draw(*p.shape, deviation=0.5, mean=1 if p.ndim == 1 and p is getattr(module, 'weight', None) else 0))


def padding_mask(n, count):
    mask = torch.tensor(random.rand(n, count) < 0.7)
    mask[:, 0] = True
    return mask


def multi_heads():
    for n, t, s, width, heads, causal, bias, has_key_mask in [
        (2, 4, None, 6, 2, False, True, False),
        (2, 5, None, 6, 3, True, True, False),
        (1, 1, None, 3, 1, False, False, False),
        (2, 5, None, 4, 2, True, False, True),
        (2, 3, 5, 4, 2, False, True, True),
        (3, 4, 2, 6, 1, False, False, False),
    ]:
        layer = nn.MultiheadAttention(width, heads, bias=bias, batch_first=True)
        set_all(layer)
        key_mask = padding_mask(n, s or t) if has_key_mask else None
        hidden = ~key_mask if has_key_mask else None
        square = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
        settings = dict(width=width, heads=heads, causal=causal, bias=bias)
        if has_key_mask:
            settings['keyMask'] = dict(shape=list(key_mask.shape), elements=numbers(key_mask))
        parameters = [p for p in [layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias] if p is not None]

        def run(x, memory=None):
            memory = x if memory is None else memory
            return layer(x, memory, memory, key_padding_mask=hidden, attn_mask=square, need_weights=False)[0]

        inputs = [draw(n, t, width)] + ([draw(n, s, width)] if s else [])
        yield case('multiHeadAttention', settings, inputs, parameters, run)


def blocks():
    for n, t, s, width, heads, hidden, activation, first, causal, bias, has_key_mask in [
        (2, 3, None, 4, 2, 5, 'gelu', True, False, True, False),
        (1, 4, None, 6, 3, 7, 'relu', False, False, True, True),
        (2, 4, None, 4, 1, 16, 'gelu', True, True, False, False),
        (2, 3, 4, 4, 2, 5, 'relu', True, True, True, False),
        (2, 2, 3, 6, 2, 4, 'gelu', False, True, True, True),
    ]:
        kind = nn.TransformerDecoderLayer if s else nn.TransformerEncoderLayer
        layer = kind(width, heads, hidden, 0.0, activation, batch_first=True, norm_first=first, bias=bias)
        set_all(layer)
        key_mask = padding_mask(n, s or t) if has_key_mask else None
        hidden_keys = ~key_mask if has_key_mask else None
        square = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None

        def of(module):
            if isinstance(module, nn.MultiheadAttention):
                found = [module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias]
            else:
                found = [module.weight, module.bias]
            return [p for p in found if p is not None]

        if s:
            order = [layer.norm1, layer.self_attn, layer.norm2, layer.multihead_attn, layer.norm3, layer.linear1, layer.linear2]
            run = lambda x, memory: layer(x, memory, tgt_mask=square, memory_key_padding_mask=hidden_keys)
        else:
            order = [layer.norm1, layer.self_attn, layer.norm2, layer.linear1, layer.linear2]
            run = lambda x: layer(x, src_mask=square, src_key_padding_mask=hidden_keys)
        settings = dict(
            width=width, heads=heads, hidden=hidden, activation=activation, normFirst=first, causal=causal, bias=bias,
            memory=s is not None,
        )
        if has_key_mask:
            settings['keyMask'] = dict(shape=list(key_mask.shape), elements=numbers(key_mask))
        inputs = [draw(n, t, width)] + ([draw(n, s, width)] if s else [])
        yield case('transformerBlock', settings, inputs, [p for module in order for p in of(module)], run)


def activations():
    x = torch.tensor(np.r_[np.linspace(-6, 6, 25), -30.0, 30.0]).requires_grad_()
    for name, function in [
        ('gelu', F.gelu), ('geluTanh', lambda x: F.gelu(x, approximate='tanh')), ('silu', F.silu),
    ]:
        yield case('activation', dict(name=name), [x], [], function)


def attention_masks():
    """Masks for each head, with memory, and of a block: drawn last, so that all other cases stay as they are."""

    def seen(*shape):
        mask = torch.tensor(random.rand(*shape) < 0.6)
        mask[..., 0] = True  # PyTorch gives NaN where nothing is seen
        return mask

    def setting(mask, is_bool):
        return dict(shape=list(mask.shape), elements=numbers(mask), isBool=is_bool)

    for n, t, s, width, heads, is_bool in [(2, 4, None, 6, 3, True), (2, 3, None, 4, 2, False), (2, 3, 5, 4, 2, True), (1, 4, 2, 6, 2, False)]:
        layer = nn.MultiheadAttention(width, heads, batch_first=True)
        set_all(layer)
        shape = (n, heads, t, s or t)
        mask = seen(*shape) if is_bool else torch.tensor(np.round(random.randn(*shape), 3))
        theirs = (~mask if is_bool else mask).reshape(n * heads, t, s or t)
        key_mask = padding_mask(n, s or t) if is_bool else None
        hidden = ~key_mask if is_bool else None
        settings = dict(width=width, heads=heads, causal=False, bias=True, mask=setting(mask, is_bool))
        if is_bool:
            settings['keyMask'] = dict(shape=list(key_mask.shape), elements=numbers(key_mask))

        def run(x, memory=None):
            memory = x if memory is None else memory
            return layer(x, memory, memory, key_padding_mask=hidden, attn_mask=theirs, need_weights=False)[0]

        inputs = [draw(n, t, width)] + ([draw(n, s, width)] if s else [])
        parameters = [layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias]
        yield case('multiHeadAttention', settings, inputs, parameters, run)

    for first in (True, False):
        block = nn.TransformerEncoderLayer(4, 2, 5, 0.0, 'gelu', batch_first=True, norm_first=first)
        set_all(block)
        mask = seen(3, 3)
        attention = block.self_attn
        parameters = [p for m in (block.norm1, attention, attention.out_proj, block.norm2, block.linear1, block.linear2) for p in m.parameters(recurse=False)]
        settings = dict(
            width=4, heads=2, hidden=5, activation='gelu', normFirst=first, causal=False, bias=True, memory=False, mask=setting(mask, True)
        )
        yield case('transformerBlock', settings, [draw(2, 3, 4)], parameters, lambda x: block(x, src_mask=~mask))


if __name__ == '__main__':
    all = [c for f in (normalizations, shapes, positions, attentions, multi_heads, blocks, activations, attention_masks) for c in f()]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'layers.json')
    with open(path, 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(c, separators=(',', ':')) for c in all) + '\n]\n')
    print(f'{len(all)} cases, {os.path.getsize(path):,} bytes')
