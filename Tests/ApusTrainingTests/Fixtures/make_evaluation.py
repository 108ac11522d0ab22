"""Writes evaluation.json: scikit-learn's scores of predictions that are hard to score: ties, absent classes, constants.

    python make_evaluation.py   (numpy, scikit-learn)
"""
import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics as m

warnings.filterwarnings("ignore")
random = np.random.RandomState(5)


def scores_of_classes(labels, predictions, classes):
    result = {
        "accuracy": m.accuracy_score(labels, predictions),
        "balanced": m.balanced_accuracy_score(labels, predictions),
        "mcc": m.matthews_corrcoef(labels, predictions),
        "kappa": m.cohen_kappa_score(labels, predictions, labels=range(classes)),
    }
    for average in ["micro", "macro", "weighted"]:
        p, r, f, _ = m.precision_recall_fscore_support(
            labels, predictions, labels=range(classes), average=average, zero_division=0)
        half = m.fbeta_score(labels, predictions, beta=0.5, labels=range(classes), average=average, zero_division=0)
        jaccard = m.jaccard_score(labels, predictions, labels=range(classes), average=average, zero_division=0)
        result[average] = [p, r, f, half, jaccard]
    return {k: v if isinstance(v, list) else float(v) for k, v in result.items()}


def classification():
    cases = []
    for n, classes, used in [(40, 2, 2), (60, 5, 5), (30, 6, 3), (1, 3, 3), (25, 4, 1)]:
        labels = random.randint(0, used, n)
        predictions = np.where(random.rand(n) < 0.6, labels, random.randint(0, classes, n))
        cases.append({"labels": labels.tolist(), "predictions": predictions.tolist(), "classes": classes,
                      **scores_of_classes(labels, predictions, classes)})
    return cases


def curves():
    cases = []
    for n, levels in [(50, 5), (40, 1000), (30, 1), (20, 2)]:
        truth = random.rand(n) < 0.4
        truth[:2] = [True, False]
        scores = random.randint(0, levels, n) / levels + (0.2 * truth if levels > 1 else 0)
        fpr, tpr, thresholds = m.roc_curve(truth, scores, drop_intermediate=False)
        cases.append({"truth": truth.tolist(), "scores": scores.tolist(), "fpr": fpr.tolist(), "tpr": tpr.tolist(),
                      "thresholds": thresholds[1:].tolist(), "auc": m.roc_auc_score(truth, scores),
                      "ap": m.average_precision_score(truth, scores)})
    return cases


def class_scores():
    cases = []
    for n, classes, decimals in [(40, 3, 1), (60, 5, 2), (30, 4, 8)]:
        labels = np.concatenate([np.arange(classes), random.randint(0, classes, n - classes)])
        p = random.dirichlet(np.ones(classes) * 0.5, n)
        if decimals < 8:  # ties, zeros and ones, but rows that add up
            p = np.round(p, decimals)
            p[:, -1] = 1 - p[:, :-1].sum(1)
            p = np.clip(p, 0, 1)
            p = p / p.sum(1, keepdims=True)
        truth = np.eye(classes)[labels]
        cases.append({
            "labels": labels.tolist(), "scores": p.tolist(), "logLoss": m.log_loss(labels, p, labels=range(classes)),
            "brier": float(((p - truth) ** 2).sum(1).mean()),
            "top": [m.top_k_accuracy_score(labels, p, k=k, labels=range(classes)) for k in range(1, classes)],
            "auc": {a: m.roc_auc_score(truth, p, average=a) for a in ["micro", "macro", "weighted"]},
            "pairwise": m.roc_auc_score(labels, p, multi_class="ovo", average="macro"),
            "ap": {a: m.average_precision_score(truth, p, average=a) for a in ["micro", "macro", "weighted"]}})
    return cases


def multi_label():
    cases = []
    for n, labels, share in [(20, 4, 0.4), (10, 3, 0.1), (15, 6, 0.7)]:
        truth = random.rand(n, labels) < share
        predictions = truth ^ (random.rand(n, labels) < 0.25)
        truth[0] = predictions[0] = False
        result = {"truth": truth.tolist(), "predictions": predictions.tolist(),
                  "subset": m.accuracy_score(truth, predictions), "hamming": m.hamming_loss(truth, predictions)}
        for average in ["micro", "macro", "weighted", "samples"]:
            p, r, f, _ = m.precision_recall_fscore_support(truth, predictions, average=average, zero_division=0)
            result[average] = [p, r, f]
        cases.append(result)
    return cases


def regression():
    cases = []
    for truth, predictions in [
        (random.randn(20), None), (np.zeros(5), np.zeros(5)), (np.full(4, 3.0), np.array([3, 3, 3, 3.5])),
        (np.array([1.0, -2, 0, 4]), np.array([1.5, -2, 1e-3, 3])), (1e6 + random.randn(10), None),
    ]:
        if predictions is None:
            predictions = truth + random.randn(len(truth)) * 0.3
        cases.append({"truth": truth.tolist(), "predictions": predictions.tolist(),
                      "mse": m.mean_squared_error(truth, predictions), "mae": m.mean_absolute_error(truth, predictions),
                      "median": m.median_absolute_error(truth, predictions), "max": float(m.max_error(truth, predictions)),
                      "mape": m.mean_absolute_percentage_error(truth, predictions), "r2": m.r2_score(truth, predictions),
                      "explained": m.explained_variance_score(truth, predictions)})
    return cases


def plain(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


result = {"versions": f"numpy {np.__version__}, scikit-learn {sklearn.__version__}", "classification": classification(),
          "curves": curves(), "classScores": class_scores(), "multiLabel": multi_label(), "regression": regression()}
Path(__file__).with_name("evaluation.json").write_text(json.dumps(plain(result)) + "\n")
