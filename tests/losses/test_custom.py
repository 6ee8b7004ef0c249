"""Losses that the user has written: the code of the documents, and when a config may import it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lossbench import losses, trust

ROOT = Path(__file__).parent.parent.parent
QUICK = "trainer.max_epochs=2"

# The examples of the documents, as a user would have them in a file
DOCUMENTS = (ROOT / "lossbench/losses/documents.py").read_text()
BINARY = [
    "loss.about.task=binary",
    "loss.about.target=binary",
    "loss.about.prediction=probability",
    "data=breast_cancer",
]


@pytest.fixture
def documents(tmp_path, monkeypatch):
    """Write the module ``documents`` into the working directory, and trust nothing."""
    (tmp_path / "documents.py").write_text(DOCUMENTS)
    monkeypatch.setattr(trust, "_granted", set())
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "documents", raising=False)
    yield tmp_path
    sys.modules.pop("documents", None)


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss.function=documents:custom_mse"],
        ["loss.function=documents:weighted_mse", "loss.arguments=[2.0]"],
        ["loss.function=documents:weighted_mse", "loss.arguments={weight: 2.0}"],
        ["loss.function=documents:CustomLoss"],
        ["loss.function=documents:FocalLoss", "loss.arguments={gamma: 1.0}", *BINARY],
        ["loss.function=documents:DiceLoss", *BINARY],
        ["loss.function=documents:focal_loss", "loss.arguments=[]", *BINARY],
        ["loss.function=lossbench.losses.regression:huber"],
    ],
    ids=" ".join,
)
def test_the_losses_of_the_documents_train(train, documents, overrides):
    outcome = train("loss=custom", *overrides, "replicates=2", QUICK)
    assert outcome.status == 0, outcome.err
    (result,) = outcome.results
    assert (result.status, result.loss) == ("completed", "custom")


def test_a_custom_squared_error_has_the_metrics_of_the_built_in(train, documents):
    custom = train("loss=custom", "loss.function=documents:custom_mse", "hydra.run.dir=a", QUICK).results[0]
    built_in = train("loss=mse", "hydra.run.dir=b", QUICK).results[-1]
    for name in ("test/rmse", "test/loss", "train/loss"):
        assert custom.metrics[name] == pytest.approx(built_in.metrics[name], rel=1e-6)
    assert custom.config_id != built_in.config_id


def test_the_losses_of_the_documents_have_their_values(documents):
    """The values of the seed vectors S1.focal_as_written, S2.focal_as_written and S1.dice_smooth1e-6."""
    import documents as module

    y_true, y_pred = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.1, 0.9, 0.2, 0.8])
    for made, expected in (
        (module.FocalLoss(), 0.00205315),
        (module.focal_loss(), 0.00997934),
        (module.DiceLoss(), 0.14999994),
    ):
        assert losses.get(made)(y_pred, y_true).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss.function=documents:custom_msa"], "Did you mean documents:custom_mse?"),
        (["loss.function=documents"], "write it as my_package.my_module:my_loss"),
        (["loss.function=dosc:custom_mse"], "dosc cannot be imported"),
        (["loss.function=documents:weighted_mse"], "which is the prediction?"),
        (["loss.function=documents:CustomLoss", "loss.arguments={wight: 2}"], "wight"),
        ([], "loss.function"),
        (["loss.function=documents:custom_mse", "loss.about.task=regresion"], "must be one of: regression"),
        (["loss.function=documents:custom_mse", "loss.about.tsak=binary"], "Did you mean loss.about.task?"),
        (
            ["loss.function=documents:custom_mse", "loss.about.couples_samples=maybe"],
            "must be one of: true, false",
        ),
        (["loss.function=documents:custom_mse", "data=digits"], "data = digits"),
        (["loss.function=documents:custom_mse", "loss.about.task=binary"], "comes as one of: binary, sign"),
        (["loss.function=documents:custom_mse", "loss.about.prediction=distribution"], "has units=classes"),
    ],
)
def test_a_mistake_is_reported_without_a_traceback(train, documents, overrides, message):
    outcome = train("loss=custom", *overrides, QUICK)
    assert outcome.status != 0
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def preset(folder):
    (folder / "mine" / "experiment").mkdir(parents=True)
    (folder / "mine" / "experiment" / "sly.yaml").write_text(
        "# @package _global_\ndefaults: [override /loss: custom]\nloss: {function: 'documents:custom_mse'}\n"
    )
    return ["--config-dir", "mine", "experiment=sly", QUICK]


def test_a_yaml_file_alone_does_not_import_code(train, documents):
    outcome = train(*preset(documents))
    assert outcome.status != 0
    assert "only a file names it" in outcome.err
    assert "LOSSBENCH_TRUST=documents" in outcome.err
    assert "documents" not in sys.modules


@pytest.mark.slow
def test_the_environment_variable_permits_the_import(documents):
    command = [sys.executable, str(ROOT / "train.py"), *preset(documents)]
    environment = {**os.environ, "LOSSBENCH_TRUST": "documents"}
    done = subprocess.run(
        command, cwd=documents, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("override", "reference", "allowed"),
    [
        ("loss.function=a.b:f", "a.b:f", True),
        ("+loss.function=a.b:f", "a.b:f", True),
        ("loss.outputs.x.function=a.b:f", "a.b:f", True),
        ("loss.function=a.b:f,a.b:g", "a.b:g", True),
        ("loss.function=a.b:f", "a.b:g", False),
        ("loss.function=a.b:f", "a:f", False),
        ("loss.label=a.b:f", "a.b:f", False),
    ],
)
def test_an_override_grants_trust_only_to_the_function_that_it_names(documents, override, reference, allowed):
    trust.grant([override])
    if allowed:
        trust.require(reference)
    else:
        with pytest.raises(trust.UserError, match="this is code"):
            trust.require(reference)


@pytest.mark.parametrize(
    ("reference", "arguments"),
    [
        ("os:system", ["touch pwned"]),
        ("lossbench.runs.provenance:_git", [".", "-c", "alias.x=!touch pwned", "x"]),
        ("lossbench.runs.provenance:git_state", ["."]),
        ("lossbench_evil:loss", None),
        ("lossbench.losses.custom:_load", ["os:system"]),
        ("lossbench.losses.custom:custom", {"function": "os:system", "arguments": ["touch pwned"]}),
        ("lossbench.losses.custom:Path", ["pwned"]),
        ("lossbench.losses.base:inspect", None),
        ("lossbench.losses.lookup:importlib", None),
        ("lossbench.losses.lookup:Path", ["pwned"]),
    ],
)
def test_untrusted_code_cannot_be_reached_through_lossbench(documents, monkeypatch, reference, arguments):
    monkeypatch.chdir(documents)
    with pytest.raises(trust.UserError):
        losses.function("custom")(function=reference, arguments=arguments)
    assert not (documents / "pwned").exists()
