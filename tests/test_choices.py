"""conf/ and code say the same: one callable and one YAML of its name, defaults equal."""

import pytest
import torch

from lossbench import losses, registry
from lossbench.config.outputs import ENCODINGS, SPACE_ACTIVATIONS
from lossbench.metrics import METRICS
from lossbench.signatures import keyword_parameters
from lossbench.tasks import TASKS
from lossbench.training import network as models
from lossbench.training import optimizers, regularizers, schedules

LOOKUPS = {
    "loss": losses.function,
    "data": lambda name: registry.load("data", name),
    "model": vars(models).__getitem__,
    "optimizer": vars(optimizers).__getitem__,
    "schedule": vars(schedules).__getitem__,
    "regularizer": vars(regularizers).__getitem__,
}
CODE = {
    "optimizer": "training/optimizers",
    "schedule": "training/schedules",
    "regularizer": "training/regularizers",
    "data": "data/bundled",
}
COMPONENTS = [
    (group, name)
    for group in LOOKUPS
    for name in registry.names(group)
    if (group, name) not in (("data", "auto"), ("loss", "outputs"))
]

LOSSES = registry.losses()


@pytest.mark.parametrize(("group", "name"), COMPONENTS)
def test_yaml_repeats_the_signature_exactly(group, name):
    written = {k: v for k, v in registry.read(group, name).items() if k not in ("name", "about")}
    parameters = {p.name: p for p in keyword_parameters(LOOKUPS[group](name))}
    assert registry.read(group, name)["name"] == name
    assert set(written) == set(parameters)
    for key, value in written.items():
        default = parameters[key].default
        if default is not parameters[key].empty:
            assert (value, type(value)) == (default, type(default)), key


@pytest.mark.parametrize(("group", "module"), CODE.items())
def test_every_public_component_has_its_yaml(group, module):
    public = {name for name in registry.summaries(module) if not name.startswith("_")}
    assert set(registry.names(group)) - {"auto", "table"} == public


def test_every_loss_function_has_its_yaml():
    """A function of y_pred and y_true in losses/ without a YAML would be a loss nobody can choose."""
    import ast

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
    about = registry.about("loss", name)
    assert set(about) - {"metric"} == {
        *("task", "aliases", "data", "target", "prediction", "units", "couples_samples"),
        *("bounded", "convex", "proper", "elsewhere", "source"),
    }
    assert all(isinstance(about[fact], bool) for fact in ("couples_samples", "bounded", "convex", "proper"))
    assert about["units"] in {"classes", "targets", "embedding"}
    assert about["task"] in TASKS
    assert about["target"] in ENCODINGS[about["task"]]
    assert about["prediction"] in SPACE_ACTIVATIONS
    assert about.get("metric") in {None, *METRICS[TASKS[about["task"]]]}
    assert about["target"] in ENCODINGS[registry.about("data", about["data"])["task"]]


@pytest.mark.parametrize("name", [name for name in LOSSES if "metric" in registry.about("loss", name)])
def test_the_metric_that_a_loss_names_is_its_mean_the_root_of_it_or_what_it_negates(name):
    about = registry.about("loss", name)
    y_true, y_pred = torch.rand(2, 40, 3, dtype=torch.float64).softmax(-1)
    mean = losses.get(name)(y_pred, y_true).double()
    metric = METRICS[TASKS[about["task"]]][about["metric"]].function(y_pred, y_true).double()
    assert any(torch.isclose(metric, form) for form in (mean, mean.sqrt(), -mean))


@pytest.mark.parametrize("name", [name for name in registry.names("data") if name not in ("auto", "table")])
def test_a_data_set_is_of_the_task_its_yaml_says(name):
    about, targets = registry.about("data", name), registry.load("data", name)().targets
    stated = about.get("tasks") or {targets[0].name: about["task"]}
    assert {target.name: target.task.name for target in targets} == stated


def test_no_two_losses_share_an_alias():
    every = [alias.lower() for name in LOSSES for alias in registry.about("loss", name)["aliases"]]
    squeezed = [name.replace("_", "") for name in LOSSES]
    assert len(set(every + squeezed)) == len(every) + len(squeezed)


@pytest.mark.parametrize("name", LOSSES)
def test_every_alias_names_its_loss_in_any_case(name):
    camel = "".join(word.capitalize() for word in name.split("_"))
    for alias in [name, camel, *registry.about("loss", name)["aliases"]]:
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
    for library, called in registry.about("loss", name)["elsewhere"].items():
        known = {"keras", "torch", "optax", "monai", "pytorch-metric-learning", "tensorflow-addons"}
        assert library in known
        assert library not in places or hasattr(places[library], called)
