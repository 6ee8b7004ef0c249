"""What check reports, beyond the table of mistakes: all issues at once, and keys that exist."""

import pytest

from lossbench import registry
from lossbench.config.check import check
from lossbench.config.compose import compose_config, plain
from lossbench.errors import ConfigError


def issues(*overrides):
    with pytest.raises(ConfigError) as caught:
        check(plain(compose_config(*overrides)))
    return {issue.key: issue.hint for issue in caught.value.issues}


def test_a_wrong_fact_hides_no_other_issue():
    found = issues("loss=custom", "loss.function=a:b", "loss.about.task=foo", "loss.reduction=bar")
    assert set(found) == {"loss.about.task", "loss.reduction"}


def test_facts_may_be_null():
    check(plain(compose_config("loss=custom", "loss.function=a:b", "++loss.about.aliases=null")))


@pytest.mark.parametrize("key", ["trainer.replicates", "loss.replicates", "trainer.seed"])
def test_a_key_in_the_wrong_section_is_found(key):
    name = key.rpartition(".")[2]
    assert f"Did you mean {name}?" in issues(f"{key}=3")[key]


def test_every_known_key_is_one_that_a_config_can_have():
    sections = {key.partition(".")[0] for key in registry.config_keys()}
    assert not {key for key in registry.config_keys() if key.startswith("experiment.")}
    assert {"loss", "data", "trainer", "seed"} <= sections


@pytest.mark.parametrize(
    ("words", "blamed"),
    [
        (["-m", "loss=mse,mae", "+seed=1"], "seed"),
        (["-m", "loss=mse,mae", "~foo=1"], "foo"),
        (["loss=mse,mae"], "several values are a sweep"),
        (["loss=3"], "chosen by its name"),
    ],
)
def test_an_error_of_hydra_is_explained_by_its_own_cause(words, blamed, train):
    message = train(*words).err
    assert blamed in message
    assert ("several values are a sweep" in message) == (words == ["loss=mse,mae"])
