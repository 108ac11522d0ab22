"""The workloads' networks in Keras on TensorFlow. Images lie channels last."""

from workloads import BLOCKS, CONTEXT, DROPPED, EPSILON, HEADS, LEAK, STATISTICS_MOMENTUM, WIDTH
from workloads import Conv, Dense, Norm, Residual, Transposed, channels_last_weight

import keras
import numpy as np
from keras import layers as kl
from keras import ops


class Builder:
    """Puts layers together and fills them when they are built."""

    def __init__(self, arrays):
        self.arrays, self.waiting = arrays, []

    def filled(self, module, layer, weight):
        self.waiting.append((module, [weight, self.arrays[layer.name + '.b']] if layer.bias else [weight]))
        return module

    def build(self, layer):
        if isinstance(layer, str):
            return {
                'relu': kl.ReLU, 'tanh': lambda: kl.Activation('tanh'), 'leaky': lambda: kl.LeakyReLU(negative_slope=LEAK),
                'dropout': lambda: kl.Dropout(DROPPED, seed=0), 'pool': kl.MaxPooling2D, 'flatten': kl.Flatten,
                'unflatten': lambda: kl.Reshape((7, 7, 128)), 'mean': kl.GlobalAveragePooling2D,
            }[layer]()
        if isinstance(layer, Norm):  # gains start as 1 and shifts as 0 here too
            return kl.BatchNormalization(momentum=1 - STATISTICS_MOMENTUM, epsilon=EPSILON)
        weight = self.arrays[layer.name + '.w']
        if isinstance(layer, Dense):
            module = kl.Dense(layer.outputs, use_bias=layer.bias)
            return self.filled(module, layer, channels_last_weight(layer, weight).T)
        weight = weight.transpose(2, 3, 1, 0)
        if isinstance(layer, Transposed):
            module = kl.Conv2DTranspose(layer.outputs, 4, strides=2, padding='same', use_bias=layer.bias)
            return self.filled(module, layer, weight)
        # Keras pads strided convolutions on one side only, if asked for the same size.
        is_same = layer.padding > 0 and layer.stride == 1
        module = kl.Conv2D(
            layer.outputs, layer.size, strides=layer.stride, padding='same' if is_same else 'valid', use_bias=layer.bias
        )
        self.filled(module, layer, weight)
        if layer.padding and not is_same:
            return lambda x: module(kl.ZeroPadding2D(layer.padding)(x))
        return module

    def apply(self, layers, x):
        for layer in layers:
            if isinstance(layer, Residual):
                x = kl.ReLU()(kl.Add()([self.apply(layer.body, x), self.apply(layer.shortcut, x)]))
            else:
                x = self.build(layer)(x)
        return x

    def model(self, layers, shape):
        x = keras.Input(shape)
        model = keras.Model(x, self.apply(layers, x))
        for module, weights in self.waiting:
            module.set_weights(weights)
        self.waiting = []
        return model


def lstm(arrays):
    x = keras.Input((CONTEXT,), dtype='int32')
    embedding, cells, head = kl.Embedding(65, WIDTH), kl.LSTM(256, return_sequences=True), kl.Dense(65)
    model = keras.Model(x, head(cells(embedding(x))))
    embedding.set_weights([arrays['emb']])
    cells.set_weights([arrays['w_ih'].T, arrays['w_hh'].T, arrays['b']])
    head.set_weights([arrays['head.w'].T, arrays['head.b']])
    return model


class GPT(keras.layers.Layer):
    def __init__(self, arrays, batch):
        super().__init__()
        self.batch = batch
        self.mask = np.tril(np.ones((CONTEXT, CONTEXT), bool))
        self.arrays = {
            name: self.add_weight(shape=value.shape, name=name.replace('.', '_'), initializer='zeros')
            for name, value in arrays.items()
        }
        self.built = True
        for name, value in arrays.items():
            self.arrays[name].assign(value)

    def product(self, x, name):
        """x times the transposed matrix, as one product of all rows."""
        rows = ops.reshape(x, (self.batch * CONTEXT, -1))
        return ops.reshape(ops.matmul(rows, ops.transpose(self.arrays[name])), (self.batch, CONTEXT, -1))

    def normalized(self, x, name):
        x = x - ops.mean(x, axis=-1, keepdims=True)
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + EPSILON) * self.arrays[name]

    def call(self, x):
        y = ops.take(self.arrays['wte'], x, axis=0) + self.arrays['wpe']
        for k in range(BLOCKS):
            z = self.product(self.normalized(y, f'h{k}.ln1'), f'h{k}.qkv')
            z = ops.transpose(ops.reshape(z, (self.batch, CONTEXT, 3, HEADS, WIDTH // HEADS)), (2, 0, 3, 1, 4))
            scores = ops.matmul(z[0], ops.transpose(z[1], (0, 1, 3, 2))) * (WIDTH // HEADS) ** -0.5
            z = ops.matmul(ops.softmax(ops.where(self.mask, scores, -1e30)), z[2])
            z = ops.reshape(ops.transpose(z, (0, 2, 1, 3)), (self.batch, CONTEXT, WIDTH))
            y = y + self.product(z, f'h{k}.proj')
            z = ops.gelu(self.product(self.normalized(y, f'h{k}.ln2'), f'h{k}.fc'), approximate=False)
            y = y + self.product(z, f'h{k}.mlp')
        return self.product(self.normalized(y, 'lnf'), 'wte')


def gpt(net, arrays):
    x = keras.Input((CONTEXT,), batch_size=net.batch, dtype='int32')
    return keras.Model(x, GPT(arrays, net.batch)(x))


def network(net, arrays, shape):
    """The model for inputs of `shape`, without the batch axis."""
    if net.kind == 'lstm':
        return lstm(arrays)
    return gpt(net, arrays) if net.kind == 'gpt' else Builder(arrays).model(net.layers, shape)
