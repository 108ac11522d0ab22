"""Keras on TensorFlow. Modes: graph (a training step as one tf.function), jit (the same, compiled by XLA)."""

import os

from timing import measure, measure_products, predict
from workloads import MOMENTUM, batch, channels_last, chosen_mode, matrices, network, options, parameters, predicts

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

import keras_networks  # noqa: E402 (products start without)

net = network()
arrays = parameters(net)
x, target = batch(net)
x = channels_last(x)
noise_or_images = target if net.kind == 'gan' else x
model = keras_networks.network(net, arrays, noise_or_images.shape[1:])
x = tf.constant(x)


def count(*models):
    return sum(np.prod(weight.shape) for model in models for weight in model.trainable_weights)


if predicts():
    run = compiled(lambda x: model(x, training=False))
    predict('keras', version, mode, lambda: run(x), net, parameters=count(model), outputs=lambda value: value.numpy())
    raise SystemExit

target = tf.constant(target)


def optimizer(model):
    if net.optimizer in ('adam', 'adamw'):
        betas = {'beta_1': net.betas[0], 'beta_2': net.betas[1], 'epsilon': 1e-8}
        if net.optimizer == 'adam':
            result = keras.optimizers.Adam(net.rate, **betas)
        else:  # matrices alone decay
            result = keras.optimizers.AdamW(net.rate, weight_decay=net.decay, **betas)
            result.exclude_from_weight_decay(var_names=['ln'])
    else:
        result = keras.optimizers.SGD(net.rate, momentum=MOMENTUM if net.optimizer == 'momentum' else 0.0)
    result.build(model.trainable_variables)
    return result


def classifier():
    loss_function = {
        'softmax': keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        'binary': keras.losses.BinaryCrossentropy(from_logits=True),
        'squared': lambda target, z: tf.reduce_sum(tf.square(z - target)),
    }[net.loss]
    update = optimizer(model)

    @compiled
    def train(x, target):
        with tf.GradientTape() as tape:
            loss = loss_function(target, model(x, training=True))
        weights = model.trainable_variables
        gradients = tape.gradient(loss, weights)
        if net.optimizer == 'momentum' and net.decay:
            gradients = [gradient + net.decay * weight for gradient, weight in zip(gradients, weights)]
        update.apply(gradients, weights)
        return loss

    return train, model


def gan():
    critic = keras_networks.Builder(arrays).model(net.critic, x.shape[1:])
    first, second = optimizer(critic), optimizer(model)

    @compiled
    def train(real, noise):
        with tf.GradientTape() as outer:
            fake = model(noise, training=True)
            with outer.stop_recording(), tf.GradientTape() as inner:
                of_real, of_fake = critic(real, training=True), critic(fake, training=True)
                loss = tf.reduce_mean(tf.nn.softplus(-of_real)) + tf.reduce_mean(tf.nn.softplus(of_fake))
            with outer.stop_recording():
                first.apply(inner.gradient(loss, critic.trainable_variables), critic.trainable_variables)
            of_generator = tf.reduce_mean(tf.nn.softplus(-critic(fake, training=True)))
        second.apply(outer.gradient(of_generator, model.trainable_variables), model.trainable_variables)
        return loss

    return train, model, critic


train, *models = gan() if net.kind == 'gan' else classifier()
measure(
    'keras', version, mode, lambda: train(x, target), net, parameters=count(*models),
    losses=lambda loss: [float(loss.numpy())],
)
