"""Writes pictures.json: what scikit-learn, NumPy and SciPy say about the numbers behind the pictures.

    python make_pictures.py
"""

import json
import pathlib

import numpy as np
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

random = np.random.default_rng(7)


def ranking(scores, labels):
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    precision, recall, cuts = precision_recall_curve(labels, scores)
    return {
        "scores": scores.tolist(),
        "labels": [bool(l) for l in labels],
        "fpr": fpr.tolist(),
        "tpr": tpr.tolist(),
        "thresholds": thresholds[1:].tolist(),  # the first is infinite
        "area": auc(fpr, tpr),
        # From the largest threshold to the smallest, without the point (0, 1) that stands for no threshold.
        "precision": precision[:-1][::-1].tolist(),
        "recall": recall[:-1][::-1].tolist(),
        "cuts": cuts[::-1].tolist(),
        "averagePrecision": average_precision_score(labels, scores),
    }


def rankings():
    labels = random.random(80) < 0.4
    smooth = random.normal(size=80) + labels
    return [
        ranking(smooth, labels),
        ranking(np.round(smooth), labels),  # many ties
        ranking(np.ones(10), np.arange(10) < 3),  # nothing but ties
        ranking(np.arange(6.0), np.arange(6) >= 3),  # perfect
    ]


def components(n, d, count):
    x = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + random.normal(size=d)
    centered = x - x.mean(0)
    _, s, vt = np.linalg.svd(centered, full_matrices=False)
    v = vt[:count] * np.sign(vt[np.arange(count), np.abs(vt[:count]).argmax(1)])[:, None]
    return {
        "shape": [n, d],
        "x": x.ravel().tolist(),
        "count": count,
        "components": v.ravel().tolist(),
        "variances": (s[:count] ** 2 / (n - 1)).tolist(),
        "shares": (s[:count] ** 2 / (s**2).sum()).tolist(),
        "coordinates": (centered @ v.T).ravel().tolist(),
    }


def tsne(n, d, perplexity):
    x = random.normal(size=(n, d)) * np.linspace(1, 3, d)
    squares = cdist(x, x, "sqeuclidean")
    p = np.zeros((n, n))
    for i in range(n):
        others = np.arange(n) != i

        def share(log_beta):
            weights = np.exp(-np.exp(log_beta) * (squares[i, others] - squares[i, others].min()))
            return weights / weights.sum()

        def excess(log_beta):
            q = share(log_beta)
            q = q[q > 0]
            return -(q * np.log(q)).sum() - np.log(perplexity)

        p[i, others] = share(brentq(excess, -20, 10, xtol=1e-14))
    p = (p + p.T) / (2 * n)
    y = random.normal(size=(n, 2))
    kernel = 1 / (1 + cdist(y, y, "sqeuclidean"))
    np.fill_diagonal(kernel, 0)
    q = kernel / kernel.sum()
    positive = p > 0
    return {
        "shape": [n, d],
        "x": x.ravel().tolist(),
        "perplexity": perplexity,
        "affinities": p.ravel().tolist(),
        "y": y.ravel().tolist(),
        "divergence": float((p[positive] * np.log(p[positive] / q[positive])).sum()),
    }


fixture = {
    "rankings": rankings(),
    "components": [components(30, 5, 5), components(12, 24, 3), components(60, 20, 2)],
    "tsne": [tsne(24, 4, 5), tsne(15, 3, 8)],
}
path = pathlib.Path(__file__).parent / "pictures.json"
path.write_text(json.dumps(fixture) + "\n")
