"""One loss in all its forms, and the user's own."""

import copy
import pickle

import pytest
import torch
from cases import LOSSES, draw, variants

from lossbench import losses
from lossbench.errors import ConfigError


@pytest.mark.parametrize("name", LOSSES)
def test_all_forms_give_one_value(name):
    y_pred, y_true = draw(name, (40,))
    expected = losses.function(name)(y_pred, y_true).mean()  # of one scalar, itself
    forms = [name, {"name": name}, losses.function(name), getattr(losses, name), type(losses.get(name))]
    for form in forms:
        torch.testing.assert_close(losses.get(form)(y_pred, y_true), expected)
    instance = losses.get(name)
    assert losses.get(instance) is instance
    torch.testing.assert_close(instance(y_true=y_true, y_pred=y_pred), expected)


@pytest.mark.parametrize(("name", "parameters"), [(n, p) for n in LOSSES for p in variants(n)])
def test_config_round_trip_loses_nothing(name, parameters):
    loss = losses.get(name, name="shown", reduction="sum", **parameters)
    config = loss.get_config()
    assert config["label"] == "shown"
    assert parameters.items() <= config.items()
    for again in (
        losses.get(config),
        type(loss).from_config(config),
        pickle.loads(pickle.dumps(loss)),
        copy.deepcopy(loss),
    ):
        assert again.get_config() == config
        assert again.name == "shown"


@pytest.mark.parametrize("name", LOSSES)
def test_class_forms_are_documented_modules(name):
    loss = type(losses.get(name))
    assert issubclass(loss, torch.nn.Module)
    assert (
        loss.__doc__ == losses.function(name).__doc__
        or loss.__doc__.split() == losses.function(name).__doc__.split()
    )
    assert loss.__name__ in dir(losses)
    assert repr(losses.get(name)).startswith(f"{loss.__name__}(")


def test_vectors_are_read_as_columns_by_classes_and_seen_as_they_are_by_functions():
    pred, true = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0])
    assert losses.get("mse", reduction="none")(pred, true).tolist() == [1.0, 9.0]
    assert losses.mean_squared_error(pred, true) == 5.0


def test_integers_become_floats():
    assert losses.MeanSquaredError()([2, 2, 2, 2], [1, 1, 1, 1]) == 1.0
    assert losses.mean_squared_error(torch.tensor([2, 2]), torch.tensor([1, 1])) == 1.0


def asymmetric(first, second):
    return (first * 2 - second).mean(-1)


def y_true_first(y_true, y_pred):
    return asymmetric(y_pred, y_true)


def y_pred_first(y_pred, y_true):
    return asymmetric(y_pred, y_true)


@pytest.mark.parametrize("function", [y_true_first, y_pred_first])
def test_a_function_is_called_in_the_order_of_its_names(function):
    loss = losses.get(function)
    assert loss(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0
    assert loss.name == function.__name__


def test_torch_modules_are_callables_too():
    assert losses.get(torch.nn.MSELoss())(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 4.0


def test_an_order_that_names_do_not_settle_is_an_error_that_says_how():
    with pytest.raises(TypeError, match="Name the two parameters y_pred and y_true"):
        losses.get(lambda a, b: a - b)


class CustomLoss(losses.Loss):
    """As in the documents."""

    def __init__(self, name="custom_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return torch.mean(torch.square(y_true - y_pred))

    def get_config(self):
        return super().get_config()


def test_a_subclass_of_the_documents():
    loss = losses.get(CustomLoss)
    assert loss(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 4.0
    assert loss.get_config() == {"name": "custom_loss", "reduction": "sum_over_batch_size"}
    assert CustomLoss.from_config(loss.get_config()).name == "custom_loss"


def test_a_scalar_loss_refuses_weights_and_none():
    pred, true = torch.ones(2, 1), torch.zeros(2, 1)
    with pytest.raises(ValueError, match="one scalar"):
        CustomLoss()(pred, true, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="one scalar"):
        CustomLoss(reduction="none")(pred, true)


@pytest.mark.parametrize("wrong", ["hubr", "MSELoss", ""])
def test_an_unknown_name_is_refused_with_the_losses(wrong):
    with pytest.raises(ValueError, match=r"The losses: .*huber"):
        losses.get(wrong)


@pytest.mark.parametrize("wrong", [None, 3, {"delta": 1}, {"name": 3}])
def test_what_names_no_loss_is_refused(wrong):
    with pytest.raises(TypeError, match="names no loss"):
        losses.get(wrong)


def test_unknown_attributes_are_attribute_errors():
    assert not hasattr(losses, "no_such_loss")
    assert not hasattr(losses, "__no_such__")


def test_faults_of_parameters_come_together():
    with pytest.raises(ConfigError) as caught:
        losses.get("huber", delta=-1, detla=2)
    assert [issue.key for issue in caught.value.issues] == ["delta", "detla"]


def test_positional_arguments_are_the_losses_own_as_in_keras():
    assert losses.Huber(2.0).get_config()["delta"] == 2.0
    assert losses.BinaryCrossentropy(True, 0.1).get_config()["from_logits"] is True
    with pytest.raises(ConfigError, match="delta"):
        losses.Huber("x")
    with pytest.raises(TypeError, match="reduction= by keyword"):
        losses.Huber(2.0, "sum")
    with pytest.raises(TypeError, match="a text"):
        losses.Huber(name=5)
    with pytest.raises(TypeError, match="twice"):
        losses.Huber(2.0, delta=3.0)


def test_what_is_given_beside_an_identifier_is_heeded_or_refused():
    assert losses.get({"name": "huber", "delta": 2.0}, delta=3.0).get_config()["delta"] == 3.0
    with pytest.raises(TypeError, match="made already"):
        losses.get(losses.Huber(), delta=5.0)
    with pytest.raises(TypeError, match=r"functools\.partial"):
        losses.get(y_true_first, weight=3.0)


class WithoutReduction(losses.Loss):
    def __init__(self):
        super().__init__()

    def call(self, y_pred, y_true):
        return asymmetric(y_pred, y_true)


def test_a_subclass_needs_no_parameters_and_names_settle_its_order():
    assert losses.get(WithoutReduction)(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0


@pytest.mark.parametrize("function", [y_true_first, y_pred_first])
def test_callables_can_be_pickled(function):
    again = pickle.loads(pickle.dumps(losses.get(function)))
    assert again(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0


@pytest.mark.parametrize("returned", [1.0, None])
def test_a_callable_must_return_a_tensor(returned):
    with pytest.raises(TypeError, match="a loss returns a torch tensor"):
        losses.get(lambda y_pred, y_true: returned)([1.0], [1.0])


def test_an_axis_may_be_a_tuple():
    y_pred, y_true = torch.rand(3, 4), torch.ones(3, 4)
    assert losses.Dice(axis=(0, 1))(y_pred, y_true) == losses.Dice()(y_pred, y_true)
