# The network of 001 in NumPy, with its errors mended: what notes-001-numpy.swift is compared with, line by line.
import numpy as np


def layer_sizes(X, Y):
    return X.shape[0], 4, Y.shape[0]


def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(0)
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    return W1, b1, W2, b2


def forward_propagation(X, parameters):
    W1, b1, W2, b2 = parameters
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    return A1, A2


def compute_cost(A2, Y):
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    return -np.sum(logprobs) / Y.shape[1]


def backward_propagation(parameters, cache, X, Y):
    W1, b1, W2, b2 = parameters
    A1, A2 = cache
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2


def update_parameters(parameters, gradients, learning_rate):
    return [p - learning_rate * g for p, g in zip(parameters, gradients)]


def nn_model(X, Y, num_iterations, learning_rate):
    parameters = initialize_parameters(*layer_sizes(X, Y))
    for i in range(num_iterations):
        cache = forward_propagation(X, parameters)
        if i in (0, 100, 1000, num_iterations - 1):
            print("rate", learning_rate, "step", i, "cost", compute_cost(cache[1], Y))
        gradients = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, gradients, learning_rate)
    return parameters


X = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
Y = np.array([[0.0, 1, 1, 0]])
for learning_rate in [0.001, 1.2]:
    parameters = nn_model(X, Y, 10000, learning_rate)
    A1, A2 = forward_propagation(X, parameters)
    print("outputs", *A2[0])
