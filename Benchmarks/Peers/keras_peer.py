"""Keras on TensorFlow. Modes: graph (a training step as one tf.function), jit (the same, compiled by XLA)."""

import os

from timing import measure, measure_products, predict
from workloads import DROPPED, EPSILON, MOMENTUM, STATISTICS_MOMENTUM
from workloads import batch, chosen_mode, matrices, network, options, parameters, predicts

import numpy as np

os.environ['KERAS_BACKEND'] = 'tensorflow'
os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402
import keras  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)
mode = chosen_mode('graph', 'jit')
version = f'{keras.__version__} on {tf.__version__}'
compiled = tf.function(jit_compile=mode == 'jit')

if options.workload == 'gemm':
    product = compiled(tf.matmul)

    def make(n):
        a, b = map(tf.constant, matrices(n))
        return lambda: product(a, b)

    measure_products('keras', version, mode, make)
    raise SystemExit

net = network()


def build(layers):
    model = keras.Sequential([keras.Input((net.widths[0],))])
    for layer in layers:
        normalized = layer.gain is not None
        model.add(keras.layers.Dense(len(layer.bias), use_bias=not normalized))
        model.layers[-1].set_weights([layer.weight.T] if normalized else [layer.weight.T, layer.bias])
        if normalized:  # gains start as 1 and shifts as 0 here too
            model.add(keras.layers.BatchNormalization(momentum=1 - STATISTICS_MOMENTUM, epsilon=EPSILON))
        if layer is not layers[-1]:
            model.add(keras.layers.Activation(net.activation))
        if normalized:
            model.add(keras.layers.Dropout(DROPPED, seed=0))
    return model


model = build(parameters(net))
count = sum(np.prod(weight.shape) for weight in model.trainable_weights)
x, target = batch(net)
x = tf.constant(x)

if predicts():
    run = compiled(lambda x: model(x, training=False))
    predict('keras', version, mode, lambda: run(x), net, parameters=count, outputs=lambda value: value.numpy())
    raise SystemExit

target = tf.constant(target)
loss_function = {
    'softmax': keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    'binary': keras.losses.BinaryCrossentropy(from_logits=True),
    'squared': lambda target, z: tf.reduce_sum(tf.square(z - target)),
}[net.loss]
if net.optimizer == 'adam':
    optimizer = keras.optimizers.Adam(net.rate, epsilon=1e-8)
else:
    optimizer = keras.optimizers.SGD(net.rate, momentum=MOMENTUM if net.optimizer == 'momentum' else 0.0)
optimizer.build(model.trainable_variables)


@compiled
def train(x, target):
    with tf.GradientTape() as tape:
        loss = loss_function(target, model(x, training=True))
    weights = model.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


measure(
    'keras', version, mode, lambda: train(x, target), net, parameters=count, losses=lambda loss: [float(loss.numpy())]
)
