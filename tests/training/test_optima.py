"""Trained to the end, a linear model reaches the optimum that scikit-learn has for the same objective."""

import numpy as np
import pytest
import scipy.optimize
from sklearn import linear_model, svm

from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.runs.run import fit, prepare
from lossbench.training.build import make_orders

FULL_BATCH = (
    "model.hidden_units=[]",
    "data.batch_size=10000",
    "optimizer=adam",
    "optimizer.lr=0.05",
    "schedule=cosine",
    "trainer.max_epochs=500",
    "trainer.keep=last",
    "trainer.precision=64-true",
)


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    """A table of two classes that no plane parts, so that the optimum is finite without a penalty."""
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    y = x @ [1.0, -2.0, 0.5, 0.0] + 1 + random.logistic(size=300) > 0
    path = tmp_path_factory.mktemp("data") / "overlapping.csv"
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header="a,b,c,d,y", comments="", fmt="%.6f")
    return ("data=table", f"data.path={path}", "data.target=y")


def trained(*overrides):
    """Features and targets as scaled for training, kernel and bias as trained, and the recorded total."""
    settings = resolve(plain(compose_config(*FULL_BATCH, *overrides)))
    dataset = settings.data.load()
    module = prepare(settings, dataset)[1]
    fit(settings, module, make_orders(module.table, settings.seeds))
    rows = module.table.rows("train")
    (term,) = module.objective.terms
    (head,) = module.network.heads
    x, y = (
        columns.gather(rows)[0].numpy() for columns in (module.table.features, module.table.target(term.name))
    )
    return (
        x,
        y[:, 0],
        head.weight[0].detach().numpy(),
        head.bias[0, 0].detach().numpy(),
        module.evaluate("train")[2],
    )


def squares(scores, y):
    return np.square(scores[:, 0] - y)


def huber(scores, y):
    error = np.abs(scores[:, 0] - y)
    return np.where(error <= 1, error**2 / 2, error - 0.5)


def logistic(scores, y):
    return np.logaddexp(0, scores[:, 0]) - y * scores[:, 0]


def multinomial(scores, y):
    return np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y.astype(int)]


def squared_hinge(scores, y):
    return np.square(np.maximum(1 - y * scores[:, 0], 0))


def poisson(scores, y):
    return np.exp(scores[:, 0]) - y * scores[:, 0]


def zero(kernel, bias):
    return 0.0


def coefficients(model):
    return np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)


def logistic_regression(penalty):
    def fit(x, y):
        c = np.inf if penalty == 0 else 1 / (2 * penalty * len(x))
        return coefficients(linear_model.LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(x, y))

    return fit


def support_vectors(x, y):
    # it penalizes the bias too, as one more weight
    model = svm.LinearSVC(C=1 / (2 * 0.01 * len(x)), dual=False, tol=1e-10, max_iter=10_000)
    return coefficients(model.fit(x, y))


def least_huber(x, y):
    """Scikit-learn's ``HuberRegressor`` fits the scale as well; here it is 1."""

    def objective(values):
        return huber(x @ values[:-1, None] + values[-1], y).mean()

    found = scipy.optimize.minimize(objective, np.zeros(x.shape[1] + 1), tol=1e-12).x
    return found[:-1, None], found[-1:]


# What is typed, one value per row, the penalty, and the optimum's kernel and bias
CASES = {
    "Ridge": (
        ("loss=mse", "data=diabetes", "regularizer=l2", "regularizer.l2=0.1"),
        squares,
        lambda kernel, bias: 0.1 * np.square(kernel).sum(),
        lambda x, y: coefficients(linear_model.Ridge(alpha=0.1 * len(x)).fit(x, y)),
    ),
    "Lasso": (
        ("loss=mse", "data=diabetes", "regularizer=l1", "regularizer.l1=0.1"),
        squares,
        lambda kernel, bias: 0.1 * np.abs(kernel).sum(),
        lambda x, y: coefficients(linear_model.Lasso(alpha=0.1 / 2, tol=1e-10).fit(x, y)),
    ),
    "ElasticNet": (
        ("loss=mse", "data=diabetes", "regularizer=l1l2", "regularizer.l1=0.1", "regularizer.l2=0.2"),
        squares,
        lambda kernel, bias: 0.1 * np.abs(kernel).sum() + 0.2 * np.square(kernel).sum(),
        lambda x, y: coefficients(linear_model.ElasticNet(alpha=0.25, l1_ratio=0.2, tol=1e-10).fit(x, y)),
    ),
    "LogisticRegression": (("loss=bce",), logistic, zero, logistic_regression(0)),
    "LogisticRegression with L2": (
        ("loss=bce", "data=breast_cancer", "regularizer=l2", "regularizer.l2=0.01"),
        logistic,
        lambda kernel, bias: 0.01 * np.square(kernel).sum(),
        logistic_regression(0.01),
    ),
    "LogisticRegression of ten classes": (
        ("loss=scce", "loss.from_logits=true", "data=digits", "regularizer=l2", "regularizer.l2=0.01"),
        multinomial,
        lambda kernel, bias: 0.01 * np.square(kernel).sum(),
        logistic_regression(0.01),
    ),
    "LinearSVC": (
        (
            *("loss=squared_hinge", "data=breast_cancer", "regularizer=l2", "regularizer.l2=0.01"),
            "regularizer.apply_to=[kernel,bias]",
        ),
        squared_hinge,
        lambda kernel, bias: 0.01 * (np.square(kernel).sum() + np.square(bias).sum()),
        support_vectors,
    ),
    "PoissonRegressor": (
        ("loss=poisson", "loss.from_logits=true", "data=ink", "regularizer=l2", "regularizer.l2=0.05"),
        poisson,
        lambda kernel, bias: 0.05 * np.square(kernel).sum(),
        lambda x, y: coefficients(
            linear_model.PoissonRegressor(alpha=0.1, tol=1e-9, max_iter=1000).fit(x, y)
        ),
    ),
    "HuberRegressor of scale 1": (("loss=huber", "data=diabetes"), huber, zero, least_huber),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_training_reaches_scikit_learns_optimum(name, overlapping):
    typed, loss, penalty, optimum = CASES[name]
    data = () if any("data=" in one for one in typed) else overlapping
    x, y, *reached, recorded = trained(*typed, *data)

    def objective(kernel, bias):
        return loss(x @ kernel + bias, y).mean() + penalty(kernel, bias)

    assert recorded[0, 0] == pytest.approx(objective(*reached), rel=1e-6)  # Keras's floor under probabilities
    least = objective(*optimum(x, y))
    untrained = objective(*(np.zeros_like(value) for value in reached))
    scale = min(abs(least), untrained - least)  # a constant in the objective makes it no easier
    assert objective(*reached) == pytest.approx(least, abs=1e-3 * scale)
