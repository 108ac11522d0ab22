"""Writes estimators.json: coefficients that scikit-learn finds on the bundled tables, with standardised features.

    python make_estimators.py   (numpy, scikit-learn)
"""
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

data_folder = Path(__file__).resolve().parents[3] / "Sources/CApusDatasets/data"


def table(name):
    rows = [line.split(",") for line in (data_folder / f"{name}.csv").read_text().splitlines()[1:]]
    x = np.array([[float(v) for v in row[:-1]] for row in rows])
    classes = []
    for row in rows:
        if row[-1] not in classes:
            classes.append(row[-1])
    if all(c.lstrip("-").isdigit() for c in classes):
        classes.sort(key=int)
    y = np.array([classes.index(row[-1]) for row in rows])
    return (x - x.mean(0)) / x.std(0), y, classes


def entry(model):
    return {"weights": np.atleast_2d(model.coef_).tolist(), "bias": np.atleast_1d(model.intercept_).tolist()}


exact = {"tol": 1e-12, "max_iter": 100000}
result = {"versions": f"numpy {np.__version__}, scikit-learn {sklearn.__version__}", "classes": {}}
for name in ["iris", "wine", "breast_cancer"]:
    x, y, classes = table(name)
    result["classes"][name] = classes
    if len(classes) == 2:
        result[f"{name} logistic"] = entry(LogisticRegression(C=1, solver="newton-cholesky", **exact).fit(x, y))
        result[f"{name} logistic balanced"] = entry(
            LogisticRegression(C=0.1, solver="newton-cholesky", class_weight="balanced", **exact).fit(x, y))
        weights = 0.5 + np.arange(len(y)) % 3
        result[f"{name} logistic weighted"] = entry(
            LogisticRegression(C=1, solver="newton-cholesky", **exact).fit(x, y, sample_weight=weights))
    else:
        result[f"{name} softmax"] = entry(LogisticRegression(C=1, solver="lbfgs", **exact).fit(x, y))
    # The last feature from the others.
    result[f"{name} linear"] = entry(LinearRegression().fit(x[:, :-1], x[:, -1]))
    result[f"{name} ridge"] = entry(Ridge(alpha=10, tol=1e-14).fit(x[:, :-1], x[:, -1]))
Path(__file__).with_name("estimators.json").write_text(json.dumps(result) + "\n")
