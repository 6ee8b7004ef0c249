"""Several outputs and terms, weights and penalties: what is trained and recorded is Keras's sum of parts."""

import numpy as np
import pytest
import torch

from lossbench import losses
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import fit, prepare
from lossbench.training.build import make_orders

OUTPUTS = (
    "data=wine",
    "loss=outputs",
    "+loss@loss.outputs.cultivar=scce",
    "+loss@loss.outputs.alcohol=huber",
    "loss.outputs.alcohol.delta=2",
    "loss.weights.alcohol=0.5",
)
# A class's weights for the one output, and for both rows without a target
ROW_WEIGHTS = ("data.class_weight=balanced", "data.missing_labels=0.2")
TWO_TERMS = (
    "data=digit_masks",
    "loss=outputs",
    "+loss@loss.outputs.bce=bce",
    "loss.outputs.bce.output=ink",
    "+loss@loss.outputs.dice=dice",
    "loss.outputs.dice.output=ink",
    "loss.weights.dice=0.25",
)
LAYERS = [0, "cultivar", "alcohol"]
# What is typed, the same in Keras, and on what of which layers
REGULARIZERS = {
    "none": ([], None, [], LAYERS),
    "l1": (["regularizer.l1=0.02"], lambda k: k.L1(0.02), ["kernel", "bias", "activity"], LAYERS),
    "l2": (["regularizer.l2=0.01"], lambda k: k.L2(0.01), ["kernel", "bias", "activity"], [0, "alcohol"]),
    "l1l2": (
        ["regularizer.l1=0.02", "regularizer.l2=0.03"],
        lambda k: k.L1L2(0.02, 0.03),
        ["bias", "activity"],
        LAYERS,
    ),
    "orthogonal": (["regularizer.factor=0.5"], lambda k: k.OrthogonalRegularizer(0.5), ["kernel"], LAYERS),
    "orthogonal columns": (
        ["regularizer.mode=columns"],
        lambda k: k.OrthogonalRegularizer(0.01, "columns"),
        ["kernel"],
        ["cultivar", 0],  # of alcohol's single column Keras's penalty is 0 / 0
    ),
}


@pytest.fixture
def keras(monkeypatch):
    """Keras in float64, means too, and as it was after the test."""
    import keras

    monkeypatch.delitem(keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE, "float64", raising=False)
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield keras
    keras.config.set_floatx(before)


def build(*overrides):
    settings = resolve(plain(compose_config("trainer.precision=64-true", *overrides)))
    dataset = settings.data.load()
    return settings, prepare(settings, dataset)[1]


def curves(settings, module):
    fit(settings, module, make_orders(module.table, settings.seeds))
    return [dict(zip(module.curve_names, epoch[:-1], strict=True)) for epoch in module.history]


def snapshot(module, gradient=False):
    """The second replicate's weights, or their gradients, by layer: it must not feel the first."""
    layers = dict(zip(LAYERS, [*module.network.hidden, *module.network.heads], strict=True))
    return {
        name: [(p.grad if gradient else p.detach())[1].clone() for p in (layer.weight, layer.bias)]
        for name, layer in layers.items()
    }


def watch(module):
    """Every training step to come: features, targets, weights, total, gradients and weights after it."""
    steps, make_optimizer = [], module.make_optimizer

    def see_features(network, arguments):
        if network.training:
            steps.append([arguments[0][1]])

    def see_total(objective, arguments, result):
        if module.network.training:
            targets, weights = ({name: value[1] for name, value in one.items()} for one in arguments[1:3])
            steps[-1] += [targets, weights, result[0][1].item()]

    def make_watched(parameters):
        optimizer = make_optimizer(parameters)
        optimizer.register_step_pre_hook(lambda *_: steps[-1].append(snapshot(module, gradient=True)))
        optimizer.register_step_post_hook(lambda *_: steps[-1].append(snapshot(module)))
        return optimizer

    module.make_optimizer = make_watched
    module.network.register_forward_pre_hook(see_features)
    module.objective.register_forward_hook(see_total)
    return steps


def keras_model(keras, start, make_regularizer, on, layers):
    """The network of one replicate as its user would compile it; its layers by our names."""

    def dense(name, units, activation):
        kinds = [kind for kind in on if name in layers and (kind != "activity" or name == 0)]
        options = {f"{kind}_regularizer": make_regularizer(keras.regularizers) for kind in kinds}
        return keras.layers.Dense(units, activation=activation, name=str(name), **options)

    inputs = keras.Input((12,))
    layers_by_name = {
        0: dense(0, 64, "relu"),
        "cultivar": dense("cultivar", 3, "softmax"),
        "alcohol": dense("alcohol", 1, None),
    }
    hidden = layers_by_name[0](inputs)
    model = keras.Model(inputs, {name: layers_by_name[name](hidden) for name in ("cultivar", "alcohol")})
    for name, layer in layers_by_name.items():
        kernel, bias = start[name]
        layer.set_weights([kernel.numpy(), bias[0].numpy()])
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss={"cultivar": keras.losses.SparseCategoricalCrossentropy(), "alcohol": keras.losses.Huber(2.0)},
        loss_weights={"cultivar": 1.0, "alcohol": 0.5},
    )
    return model, layers_by_name


def assert_equal(ours, theirs):
    for name, layer in theirs.items():
        for mine, variable in zip(ours[name], layer, strict=True):
            torch.testing.assert_close(mine.reshape(variable.shape), variable, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rows", [(), ROW_WEIGHTS], ids=["rows alike", "rows weighed"])
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_three_steps_are_those_of_keras(keras, regularizer, rows):
    typed, make_regularizer, on, layers = REGULARIZERS[regularizer]
    settings, module = build(
        *OUTPUTS,
        *rows,
        f"regularizer={regularizer.split()[0]}",
        *typed,
        f"regularizer.apply_to={on or ['kernel']}",
        f"regularizer.layers={layers}",
        *("optimizer=sgd", "optimizer.lr=0.1", "data.batch_size=40", "replicates=2"),
        *("trainer.keep=last", "trainer.max_epochs=1", "model.initial_output=random"),
    )
    model, keras_layers = keras_model(keras, snapshot(module), make_regularizer, on, layers)
    steps = watch(module)
    (recorded,) = ({name: value[1] for name, value in epoch.items()} for epoch in curves(settings, module))
    sizes = [len(features) for features, *_ in steps]
    assert sizes == [40, 40, 26]
    totals, penalties = [], []
    for features, targets, weights, total, gradients, after in steps:
        assert bool(weights) == bool(rows)
        model.zero_grad()
        predicted = model(features, training=True)
        loss = model.compute_loss(features, targets, predicted, weights or None)
        loss.backward()
        totals.append(loss.item())
        penalties.append(sum(penalty.item() for penalty in model.losses))
        assert total == pytest.approx(totals[-1], rel=1e-6)
        variables = model.trainable_variables
        slopes = {n: [v.value.grad for v in one.trainable_variables] for n, one in keras_layers.items()}
        assert_equal(gradients, slopes)
        with torch.no_grad():
            model.optimizer.apply([variable.value.grad for variable in variables], variables)
        assert_equal(after, {n: [v.value.detach() for v in one.weights] for n, one in keras_layers.items()})

    assert recorded["train/loss"] == pytest.approx(np.average(totals, weights=sizes), rel=1e-6)
    if regularizer != "none":
        assert recorded["train/penalty"] == pytest.approx(np.average(penalties, weights=sizes), rel=1e-6)
    validation = module.table.rows("validation")
    ((features, targets, weights),) = module.table.batches(validation, validation.shape[1])
    targets, weights = ({name: value[1] for name, value in one.items()} for one in (targets, weights))
    with torch.no_grad():
        loss = model.compute_loss(features[1], targets, model(features[1]), weights or None)
    assert recorded["validation/loss"] == pytest.approx(loss.item(), rel=1e-6)


def test_two_terms_on_one_output_are_summed():
    """Keras names a loss by its output, and so drops one of two without a word."""
    settings, module = build(*TWO_TERMS, "trainer.max_epochs=1", "replicates=2")
    features, targets, weights = next(module.table.batches(module.table.rows("train"), 50))
    predictions = module.network(features)
    assert list(predictions) == ["ink"]
    total, _ = module.objective(predictions, targets, weights)
    expected = [
        losses.function("binary_crossentropy")(p, y).mean() + 0.25 * losses.function("dice")(p, y)
        for p, y in zip(predictions["ink"], targets["bce"], strict=True)
    ]
    torch.testing.assert_close(total, torch.stack(expected), rtol=1e-12, atol=0.0)
    gradients = [
        torch.autograd.grad(loss.sum(), predictions["ink"], retain_graph=True)[0] for loss in expected
    ]
    (gradient,) = torch.autograd.grad(total.sum(), predictions["ink"])
    torch.testing.assert_close(gradient, sum(gradients), rtol=1e-9, atol=1e-15)

    (recorded,) = curves(settings, module)
    for part in ("train", "validation"):
        of = {name.removeprefix(f"{part}/"): value for name, value in recorded.items() if part in name}
        assert list(of) == [
            "loss",
            *(f"loss/{term}{end}" for term in ("bce", "dice") for end in ("", "/weighted")),
        ]
        np.testing.assert_allclose(of["loss/dice/weighted"], 0.25 * of["loss/dice"], rtol=1e-12)
        np.testing.assert_allclose(of["loss/bce/weighted"], of["loss/bce"], rtol=1e-12)
        np.testing.assert_allclose(of["loss"], of["loss/bce"] + 0.25 * of["loss/dice"], rtol=1e-12)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (("loss=mse",), ["loss"]),
        (
            ("loss=mse", "regularizer=l2"),
            ["loss", "loss/mean_squared_error", "loss/mean_squared_error/weighted", "penalty"],
        ),
        (
            (*OUTPUTS, "regularizer=l1"),
            [
                "loss",
                "loss/cultivar",
                "loss/cultivar/weighted",
                "loss/alcohol",
                "loss/alcohol/weighted",
                "penalty",
            ],
        ),
    ],
    ids=["one loss", "and a penalty", "two and a penalty"],
)
def test_every_part_is_recorded_by_its_name(train, overrides, names):
    outcome = train(*overrides, "trainer.max_epochs=2")
    (result,) = outcome.results
    header = (result.folder / "history.csv").read_text().splitlines()[0].split(",")
    parts = [f"{part}/{name}" for part in ("train", "validation") for name in names]
    assert header[: 3 + len(parts)] == ["replicate", "seed", "epoch", *parts]
    assert {f"{part}/{name}" for part in ("train", "validation", "test") for name in names} <= set(
        result.metrics
    )


@pytest.mark.parametrize("rows", [(), ROW_WEIGHTS], ids=["rows alike", "rows weighed"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"])
def test_an_epoch_is_recorded_as_a_mean_over_samples_whatever_their_batch(reduction, rows):
    settings, module = build(
        *OUTPUTS,
        *rows,
        f"loss.reduction={reduction}",
        *("regularizer=l2", "regularizer.apply_to=[kernel,activity]"),
        *(
            "optimizer=sgd",
            "optimizer.lr=1e-300",
            "data.batch_size=40",
            "trainer.max_epochs=1",
            "replicates=3",
        ),
    )
    (recorded,) = curves(settings, module)
    _, _, whole = module.evaluate("train")  # the weights have not moved
    for name, expected in zip(module.curve_names, whole, strict=False):
        np.testing.assert_allclose(recorded[name], expected, rtol=1e-9, err_msg=name)


WINE = OUTPUTS[:4]
WRONG = [
    (
        ["data=wine", "loss=outputs", "+loss@loss.outputs.alcohl=huber"],
        ["loss.outputs.alcohl", "Did you mean alcohol?"],
    ),
    (
        [*WINE, "loss.outputs.alcohol.output=alcohl"],
        ["loss.outputs.alcohol.output = alcohl", "Did you mean alcohol?"],
    ),
    ([*WINE, "+loss@loss.outputs.colour=mse"], ["loss.outputs.colour", "Its targets: cultivar, alcohol"]),
    (
        [*WINE, "loss.outputs.alcohol.detla=2"],
        ["huber has no 'detla'", "Did you mean loss.outputs.alcohol.delta?"],
    ),
    ([*WINE, "loss.weights.alcohl=2"], ["loss.weights.alcohl = 2", "Did you mean loss.weights.alcohol?"]),
    ([*WINE, "loss.weights.alcohol=-1"], ["loss.weights.alcohol = -1", "a number at least 0"]),
    ([*WINE, "loss.weights.alcohol=inf"], ["loss.weights.alcohol = inf", "a number at least 0"]),
    ([*WINE, "loss.weights.alcohol=nan"], ["loss.weights.alcohol = nan", "a number at least 0"]),
    ([*WINE, "loss.weights.alcohol=true"], ["loss.weights.alcohol = True", "a number at least 0"]),
    ([*WINE, "loss.weights=2"], ["loss.weights = 2", "must be a section"]),
    ([*WINE, "loss.weights={cultivar: 0, alcohol: 0}"], ["loss.weights", "nothing is trained"]),
    (["data=wine", "loss=outputs"], ["loss.outputs = {}", "+loss@loss.outputs.NAME=huber"]),
    (["loss=mse", "+loss@loss.outputs.alcohol=huber"], ["loss@loss.outputs.alcohol=mean_squared_error"]),
    ([*WINE, "loss=mse"], ["loss@loss.outputs.cultivar=mean_squared_error"]),
    (
        ["loss=mse", "loss.weights.alcohol=2"],
        ["mean_squared_error has no 'weights'", "It belongs to loss=outputs"],
    ),
    (
        ["loss=mse", "data=wine"],
        ["loss=outputs +loss@loss.outputs.cultivar=... +loss@loss.outputs.alcohol=..."],
    ),
    ([*TWO_TERMS, "loss.outputs.bce.from_logits=true"], ["loss.outputs.dice", "give both from_logits=true"]),
    (
        [*WINE, "+loss@loss.outputs.find=triplet", "loss.outputs.find.output=cultivar"],
        ["loss.outputs.find", "reads other units", "each an output of its own"],
    ),
    (
        [*TWO_TERMS, "loss.outputs.bce.output=other"],
        ["data = digit_masks", "has one target", "the same for all"],
    ),
    (
        [*WINE, "regularizer=l2", "regularizer.layers=[alcohl]"],
        ["regularizer.layers", "0, cultivar, alcohol"],
    ),
    (
        [*WINE, "regularizer=l2", "regularizer.layers=[1]"],
        ["regularizer.layers = [1]", "0, cultivar, alcohol"],
    ),
    (["regularizer=l2", "regularizer.layers=[]"], ["regularizer.layers = []", "0, output"]),
    (
        ["regularizer=l2", "regularizer.apply_to=[]"],
        ["regularizer.apply_to = []", "kernel, bias or activity"],
    ),
    (["regularizer=l2", "regularizer.apply_to=[kernel,kernel]"], ["regularizer.apply_to", "each once"]),
    (
        ["regularizer=l2", "regularizer.apply_to=[kernels]"],
        ["regularizer.apply_to", "kernel, bias, activity"],
    ),
    (["regularizer=l2", "regularizer.l2=-1"], ["regularizer.l2 = -1", "at least 0"]),
    (
        ["regularizer=l2", "regularizer.apply_to=[activity]", "model.hidden_units=[]"],
        ["regularizer.apply_to", "hidden layers, and none is chosen"],
    ),
    (["regularizer=orthogonal", "regularizer.apply_to=[bias]"], ["orthogonal is for kernels"]),
    (["regularizer=orthogonal", "regularizer.apply_to=[kernel,bias]"], ["regularizer.apply_to=[kernel]"]),
    ([*WINE, "metrics=rmse"], ["metrics = rmse", "alcohol/rmse"]),
    ([*WINE, "model.output_activation={alcohol: linear}"], ["needs one for each output: cultivar, alcohol"]),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(wrong[0]) for wrong in WRONG])
def test_wrong_outputs_are_answered(train, arguments, words):
    train(*arguments).assert_refused(words)
