"""Loss objects: class forms, subclasses and user functions."""

import copy
import inspect
import pickle

import pytest
import torch
from cases import LOSSES, variants

from lossbench import losses
from lossbench.errors import ConfigError
from lossbench.signatures import keyword_parameters


@pytest.mark.parametrize(("name", "parameters"), [(n, p) for n in LOSSES for p in variants(n)])
def test_a_loss_is_rebuilt_from_its_config_pickle_or_copy(name, parameters):
    loss = losses.get(name, name="shown", reduction="sum", **parameters)
    config = loss.get_config()
    assert config["label"] == "shown"
    assert parameters.items() <= config.items()
    for rebuilt in (
        losses.get(config),
        type(loss).from_config(config),
        pickle.loads(pickle.dumps(loss)),
        copy.deepcopy(loss),
    ):
        assert rebuilt.get_config() == config
        assert rebuilt.name == "shown"


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


def test_classes_read_vectors_as_columns_and_functions_do_not():
    pred, true = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0])
    assert losses.get("mse", reduction="none")(pred, true).tolist() == [1.0, 9.0]
    assert losses.mean_squared_error(pred, true) == 5.0


def test_integers_are_converted_to_floats():
    assert losses.MeanSquaredError()([2, 2, 2, 2], [1, 1, 1, 1]) == 1.0
    assert losses.mean_squared_error(torch.tensor([2, 2]), torch.tensor([1, 1])) == 1.0


def asymmetric(first, second):
    return (first * 2 - second).mean(-1)


def y_true_first(y_true, y_pred):
    return asymmetric(y_pred, y_true)


def y_pred_first(y_pred, y_true):
    return asymmetric(y_pred, y_true)


@pytest.mark.parametrize("function", [y_true_first, y_pred_first])
def test_a_function_is_called_in_the_order_of_its_parameter_names(function):
    loss = losses.get(function)
    assert loss(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0
    assert loss.name == function.__name__


def test_a_torch_module_is_a_loss():
    assert losses.get(torch.nn.MSELoss())(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 4.0


def test_parameter_names_that_do_not_settle_the_order_are_an_error():
    with pytest.raises(TypeError, match="Name the two parameters y_pred and y_true"):
        losses.get(lambda a, b: a - b)


class CustomLoss(losses.Loss):
    """The example of the documents."""

    def __init__(self, name="custom_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        return torch.mean(torch.square(y_true - y_pred))

    def get_config(self):
        return super().get_config()


def test_the_subclass_of_the_documents_is_a_loss():
    loss = losses.get(CustomLoss)
    assert loss(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 4.0
    assert loss.get_config() == {"name": "custom_loss", "reduction": "sum_over_batch_size"}
    assert CustomLoss.from_config(loss.get_config()).name == "custom_loss"


def test_a_scalar_loss_refuses_sample_weights_and_the_reduction_none():
    pred, true = torch.ones(2, 1), torch.zeros(2, 1)
    with pytest.raises(ValueError, match="one scalar"):
        CustomLoss()(pred, true, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="one scalar"):
        CustomLoss(reduction="none")(pred, true)


def test_all_mistakes_in_parameters_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        losses.get("huber", delta=-1, detla=2)
    assert [issue.key for issue in caught.value.issues] == ["delta", "detla"]


def test_positional_arguments_are_the_parameters_of_the_loss_as_in_keras():
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


class WithoutReduction(losses.Loss):
    def __init__(self):
        super().__init__()

    def call(self, y_pred, y_true):
        return asymmetric(y_pred, y_true)


def test_a_subclass_may_take_no_parameters_and_the_prediction_first():
    assert losses.get(WithoutReduction)(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0


@pytest.mark.parametrize("function", [y_true_first, y_pred_first])
def test_callables_can_be_pickled(function):
    rebuilt = pickle.loads(pickle.dumps(losses.get(function)))
    assert rebuilt(torch.tensor([[3.0]]), torch.tensor([[1.0]])) == 5.0


@pytest.mark.parametrize("returned", [1.0, None])
def test_a_callable_must_return_a_tensor(returned):
    with pytest.raises(TypeError, match="a loss returns a torch tensor"):
        losses.get(lambda y_pred, y_true: returned)([1.0], [1.0])


def test_an_axis_may_be_a_tuple():
    y_pred, y_true = torch.rand(3, 4), torch.ones(3, 4)
    assert losses.Dice(axis=(0, 1))(y_pred, y_true) == losses.Dice()(y_pred, y_true)


@pytest.mark.parametrize("name", LOSSES)
def test_the_signature_of_a_class_shows_its_parameters(name):
    shown = inspect.signature(type(losses.get(name))).parameters
    of_function = keyword_parameters(losses.function(name))
    assert list(shown) == [*(parameter.name for parameter in of_function), "name", "reduction"]
    for parameter in of_function:
        assert shown[parameter.name] == parameter.replace(kind=parameter.POSITIONAL_OR_KEYWORD)


def test_a_subclass_of_a_class_form_shows_its_own_signature():
    class Narrow(losses.Huber):
        def __init__(self, width=0.1):
            super().__init__(width)

    assert list(inspect.signature(Narrow).parameters) == ["width"]
    assert Narrow().get_config()["delta"] == 0.1
