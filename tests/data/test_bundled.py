"""Bundled data sets: scikit-learn's numbers, the same for ever, read without scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from lossbench import registry
from lossbench.data.scikit_learn_files import read
from lossbench.signatures import keyword_parameters

# Of what no library computes: records of runs hold these values
FINGERPRINTS = {
    "breast_cancer": "913d3d3e73ebd95eb7092fc01e1d81a3282efcd962ad4a4055a731e65659ffee",
    "diabetes": "c12d5e9e3552386d83bd4dd5cade9af16bcffd448053e27ed198a8f3b94f6430",
    "digits_distilled": "80eb77a404a35bb9416fda9c692aebb719567f71c1bbff0687efaa0ca3f14f46",
    "digit_halves": "f65a761efe406c36900d5f06214f144bad216b9eff54ed2f3b310158588d1c48",
    "digit_masks": "aa4f378a3fe914b00dd3d1dcf98b28668a8bbb4b8ba5c055925db07685e672e6",
    "digit_pairs": "02659d3824f8d64a59b3f4f3746b6f7ca21ede601f30db1d62825d5be38e55cb",
    "digit_triplets": "4bd43515cfebd2b27e543a977be49c744d3c7a100706764c50882341665b179a",
    "digits": "f9d1038bd2e7f10a5ed5ad0661edc652d90effb1346d3f9ddd4989021526b95b",
    "ink": "47a224881f20d6c7070a85950415f0221673811657958a764e5241b606ce1a8f",
    "petals": "b721f38fa150bc1c1e570f1bc3cb90d9d1007b973169956e56bf786c53ec1e81",
    "ten_coin_flips": "38c7bd806edfd7a4616aa61d12a4edaa21eac9bee957157b22452508033a2c3b",
    "wine": "73d06de3e1fa2f07519da2be4f7810c0ea477fb3aef05894b75c3d3caeede4eb",
}
LOADERS = {
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": lambda: datasets.load_diabetes(scaled=False),
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_holds_the_numbers_of_scikit_learn(name):
    (*names, _), table = read(name)
    bunch = LOADERS[name]()
    assert names == list(bunch.feature_names)
    assert np.array_equal(table[:, :-1], bunch.data)
    assert np.array_equal(table[:, -1], bunch.target)


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_a_fingerprint_never_changes(name):
    assert registry.load("data", name)().fingerprint == FINGERPRINTS[name]


@pytest.mark.parametrize(("name", "loader"), [("breast_cancer", "breast_cancer"), ("wine", "wine")])
def test_classes_are_called_as_in_scikit_learn(name, loader):
    assert registry.load("data", name)().targets[0].classes == tuple(LOADERS[loader]().target_names)


@pytest.mark.parametrize("name", registry.bundled_data())
def test_a_data_set_has_the_tasks_that_its_yaml_states(name):
    info, targets = registry.dataset(name), registry.load("data", name)().targets
    assert {target.name: target.task for target in targets} == (info.tasks or {targets[0].name: info.task})


@pytest.mark.parametrize("name", [name for name in registry.names("data") if name != "auto"])
def test_parameters_and_defaults_in_the_source_are_those_of_the_function_and_of_the_yaml(name):
    in_source = registry.definition("data", name).parameters
    imported = keyword_parameters(registry.load("data", name))
    assert [(p.name, p.default, p.annotation) for p in in_source] == [
        (p.name, p.default, p.annotation) for p in imported
    ]
    written = registry.parameters("data", name)
    defaults = {p.name: "???" if p.default is p.empty else p.default for p in imported}
    assert written == defaults


def test_neither_pandas_nor_scikit_learn_is_imported_for_a_bundled_data_set():
    program = """
import sys
from lossbench import registry
import lossbench.data.batches, lossbench.data.corruption, lossbench.data.encoding
import lossbench.data.splits, lossbench.data.weights, lossbench.metrics
registry.load("data", "diabetes")()
print(sorted({"pandas", "sklearn", "pyarrow"} & {name.partition(".")[0] for name in sys.modules}))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
