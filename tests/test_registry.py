"""conf/ and code agree: one callable and one YAML of its name, with equal defaults."""

import ast

import pytest
import torch

from lossbench import losses, registry
from lossbench.metrics import metric
from lossbench.signatures import keyword_parameters
from lossbench.tasks import ENCODINGS, SPACES, TASKS

GROUPS = ("loss", "data", "model", "optimizer", "schedule", "regularizer")
MODULES = {
    "optimizer": "training/optimizers.py",
    "schedule": "training/schedules.py",
    "regularizer": "training/regularizers.py",
    "data": "data/bundled.py",
}
COMPONENTS = [
    (group, name)
    for group in GROUPS
    for name in registry.names(group)
    if registry.has_definition(group, name)
]
LOSSES = registry.losses()


@pytest.mark.parametrize(("group", "name"), COMPONENTS)
def test_yaml_repeats_the_signature_exactly(group, name):
    written = {k: v for k, v in registry.read(group, name).items() if k not in ("name", "about")}
    parameters = {p.name: p for p in keyword_parameters(registry.load(group, name))}
    assert registry.read(group, name)["name"] == name
    assert set(written) == set(parameters)
    for key, value in written.items():
        default = parameters[key].default
        if default is not parameters[key].empty:
            assert (value, type(value)) == (default, type(default)), key


@pytest.mark.parametrize(("group", "name"), COMPONENTS)
def test_the_source_says_what_the_imported_function_says(group, name):
    """Help and checks read signatures from the source; training imports the functions."""
    function, definition = registry.load(group, name), registry.definition(group, name)
    imported = keyword_parameters(function)
    assert [p.name for p in definition.parameters] == [p.name for p in imported]
    for read, real in zip(definition.parameters, imported, strict=True):
        assert (read.default, str(read.annotation)) == (real.default, str(real.annotation))
    assert (function.__doc__ or "").startswith(definition.summary)
    assert function.__module__ == definition.module


@pytest.mark.parametrize(("group", "module"), MODULES.items())
def test_every_public_component_has_its_yaml(group, module):
    body = ast.parse((registry.PACKAGE / module).read_text()).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    public = {name for name in functions if not name.startswith("_")}
    assert set(registry.names(group)) - {registry.AUTO, registry.TABLE} == public


def test_every_loss_function_has_its_yaml():
    """A function of y_pred and y_true in losses/ without a YAML would be a loss nobody can choose."""
    files = (registry.CONF.parent / "lossbench" / "losses").glob("*.py")
    functions = {
        node.name
        for file in files
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and [a.arg for a in node.args.args] == ["y_pred", "y_true"]
        and not node.name.startswith("_")
        and node.name not in ("paired", "paired_with_targets", "wider")
    }
    assert functions == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_facts_are_complete_and_known(name):
    about = registry.loss(name).facts
    assert set(about) - {"metric", "in_user_units"} == {
        *("task", "aliases", "data", "target", "prediction", "units", "couples_samples"),
        *("bounded", "convex", "proper", "elsewhere", "source"),
    }
    assert all(isinstance(about[fact], bool) for fact in ("couples_samples", "bounded", "convex", "proper"))
    assert about["units"] in {"classes", "targets", "embedding"}
    task = TASKS[about["task"]]
    assert about["target"] in task.encodings <= set(ENCODINGS)
    assert about["prediction"] in SPACES
    assert about.get("metric") in {None, *(info.name for info in task.metrics)}
    assert about["target"] in registry.dataset(about["data"]).task.encodings


@pytest.mark.parametrize("name", [name for name in LOSSES if registry.loss(name).metric])
def test_the_metric_that_a_loss_names_is_its_mean_the_root_of_it_or_what_it_negates(name):
    info = registry.loss(name)
    y_true, y_pred = torch.rand(2, 40, 3, dtype=torch.float64).softmax(-1)
    mean = losses.get(name)(y_pred, y_true).double()
    value = metric(info.task, info.metric).function(y_pred, y_true).double()
    assert any(torch.isclose(value, form) for form in (mean, mean.sqrt(), -mean))


@pytest.mark.parametrize("name", registry.bundled_data())
def test_a_data_set_is_of_the_task_its_yaml_says(name):
    info, targets = registry.dataset(name), registry.load("data", name)().targets
    stated = info.tasks or {targets[0].name: info.task}
    assert {target.name: target.task for target in targets} == stated


def test_no_two_losses_share_an_alias():
    every = [alias.lower() for name in LOSSES for alias in registry.loss(name).aliases]
    squeezed = [name.replace("_", "") for name in LOSSES]
    assert len(set(every + squeezed)) == len(every) + len(squeezed)


@pytest.mark.parametrize("name", LOSSES)
def test_every_alias_names_its_loss_in_any_case(name):
    camel = "".join(word.capitalize() for word in name.split("_"))
    for alias in [name, camel, *registry.loss(name).aliases]:
        for written in (alias, alias.upper(), alias.lower()):
            assert registry.canonical_loss(written) == name
            assert losses.get(written).get_config()["name"] == name


@pytest.mark.parametrize("name", ["MSELoss", "HuberLoss", "ce", "crossentropy", "", "hubr"])
def test_what_is_no_alias_resolves_to_nothing(name):
    assert registry.canonical_loss(name) is None


@pytest.mark.parametrize("name", LOSSES)
def test_what_other_libraries_call_it_is_there(name):
    import keras

    places = {"keras": keras.losses, "torch": torch.nn}
    for library, called in registry.loss(name).elsewhere.items():
        known = {"keras", "torch", "optax", "monai", "pytorch-metric-learning", "tensorflow-addons"}
        assert library in known
        assert library not in places or hasattr(places[library], called)
