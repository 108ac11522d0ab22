#!/usr/bin/env python3
"""Writes Sources/CApusDatasets/data/*.csv, the data sets that Apus carries inside the library.

They are exported from scikit-learn, so that results can be compared with its documentation sample by sample.
Values are written as the shortest decimal that reads back as exactly the same float64 (Python's repr), whole
numbers without ".0". The last column holds the name of the class.

    python3 Scripts/make_datasets.py        # needs scikit-learn
"""

from pathlib import Path

from sklearn import datasets

FOLDER = Path(__file__).resolve().parent.parent / "Sources" / "CApusDatasets" / "data"

# scikit-learn's loader, and what to call the class column.
SETS = {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis", "digits": "digit"}


def shortest(value: float) -> str:
    """The shortest decimal that reads back as `value`."""
    value = float(value)
    return str(int(value)) if value.is_integer() else repr(value)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, target in SETS.items():
        bunch = getattr(datasets, "load_" + name)()
        header = [str(feature) for feature in bunch.feature_names] + [target]
        lines = [header]
        for row, label in zip(bunch.data, bunch.target):
            lines.append([shortest(value) for value in row] + [str(bunch.target_names[label])])
        assert not any(mark in field for line in lines for field in line for mark in ',"\r\n'), "needs quoting"
        text = "".join(",".join(line) + "\n" for line in lines)
        (FOLDER / (name + ".csv")).write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {len(lines) - 1} x {len(header) - 1}, {len(text)} bytes")


if __name__ == "__main__":
    main()
