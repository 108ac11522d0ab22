"""Writes preprocessing.json: what scikit-learn's scalers, imputers and polynomial features make of a small matrix.

    python make_preprocessing.py   (numpy, scikit-learn)
"""
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler

random = np.random.default_rng(7)
x = np.column_stack([
    random.normal(3, 2, 23), 1000 * random.normal(size=23) + 1e6, random.exponential(1e-3, 23),
    np.full(23, 2.5), np.where(np.arange(23) < 20, 0.0, 7.0), -random.integers(0, 4, 23).astype(float),
])
new = random.normal(size=(4, 6))
result = {"versions": f"numpy {np.__version__}, scikit-learn {sklearn.__version__}", "x": x.tolist(), "new": new.tolist()}
result["scaled"] = {
    "standardize": StandardScaler().fit(x).transform(new).tolist(),
    # scikit-learn has the population's deviation alone.
    "sample": ((new - x.mean(0)) / np.where(np.arange(6) == 3, 1, x.std(0, ddof=1))).tolist(),
    "minMax": MinMaxScaler().fit(x).transform(new).tolist(),
    "robust": RobustScaler().fit(x).transform(new).tolist(),
    "maxAbs": MaxAbsScaler().fit(x).transform(new).tolist(),
}
holes = x.copy()
holes[random.random(x.shape) < 0.2] = np.nan
result["holes"] = [[None if np.isnan(v) else v for v in row] for row in holes.tolist()]
result["filled"] = {
    name: SimpleImputer(strategy=strategy, fill_value=-1.5 if strategy == "constant" else None).fit_transform(holes).tolist()
    for name, strategy in [("mean", "mean"), ("median", "median"), ("mode", "most_frequent"), ("-1.5", "constant")]
}
small = random.normal(size=(3, 4))
result["small"] = small.tolist()
result["polynomials"] = [
    {"degree": d, "interaction_only": i, "bias": b, "values": p.fit_transform(small).tolist(),
     "names": [n.replace(" ", " * ") for n in p.get_feature_names_out(list("abcd"))]}
    for d, i, b in [(1, False, False), (2, False, True), (3, False, False), (3, True, True), (6, True, False), (4, False, True)]
    for p in [PolynomialFeatures(d, interaction_only=i, include_bias=b)]
]
Path(__file__).with_name("preprocessing.json").write_text(json.dumps(result) + "\n")
