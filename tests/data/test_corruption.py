"""Corruption of the training part: how much, whose, and that no other row is touched."""

import numpy as np
import pytest
import torch
from frames import CLASSES, FRAME, REGRESSION, ROWS, batch_of, build_from, fit

CORRUPTIONS = {
    "outliers": (
        REGRESSION,
        "y",
        ("loss=mse", "data.outliers=0.1", "data.scale_target=false", "data.scale_output=false"),
    ),
    "symmetric noise": (CLASSES, "kind", ("loss=scce", "data.label_noise=0.3")),
    "pairwise noise": (
        CLASSES,
        "kind",
        ("loss=scce", "data.label_noise=0.3", "data.label_noise_kind=pairwise"),
    ),
    "missing labels": (CLASSES, "kind", ("loss=scce", "data.missing_labels=0.25")),
    "imbalance": (CLASSES, "kind", ("loss=scce", "data.imbalance=10")),
}
SHARES = {"outliers": 0.1, "symmetric noise": 0.3, "pairwise noise": 0.3, "missing labels": 0.25}


@pytest.mark.parametrize("name", SHARES)
def test_of_the_training_rows_the_share_asked_for_is_touched_each_replicates_own(build, name):
    clean, target, overrides = CORRUPTIONS[name]
    keep = [override for override in overrides if "data.scale" in override]
    both = (
        build(clean, overrides[0], *keep, *more, "replicates=3", target=target)[3]
        for more in ([], overrides[1:])
    )
    (_, before, _), (_, after, weights) = map(batch_of, both)
    changed = (before != after).any(-1) if weights is None else weights == 0
    assert changed.sum(1).tolist() == [round(120 * SHARES[name])] * 3
    assert not (changed[0] == changed[1]).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_rows_that_do_not_train_are_never_touched(build, name):
    frame, target, overrides = CORRUPTIONS[name]
    keep = [override for override in overrides if "data.scale" in override]
    _, _, splits, clean = build(frame, overrides[0], *keep, "replicates=3", target=target)
    _, _, others, corrupted = build(frame, *overrides, "replicates=3", target=target)
    for part in ("validation", "test"):
        (x, y, _), (seen_x, seen_y, weights) = batch_of(clean, part), batch_of(corrupted, part)
        assert (x == seen_x).all() or name == "imbalance"  # which changes the rows that scale
        assert (y == seen_y).all()
        assert weights is None or (weights == 1).all()
        for split, other in zip(splits, others, strict=True):
            assert (getattr(split, part) == getattr(other, part)).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_seeds_corruption_does_not_depend_on_the_other_seeds(build, name):
    frame, target, overrides = CORRUPTIONS[name]
    together = batch_of(build(frame, *overrides, "seed=5", "replicates=3", target=target)[3])
    for index, seed in ((0, 5), (2, 7)):
        alone = batch_of(build(frame, *overrides, f"seed={seed}", target=target)[3])
        for single, several in zip(alone, together, strict=True):
            assert (single is None) == (several is None)
            assert single is None or (single[0] == several[index]).all()


def test_outliers_are_moved_by_the_deviations_asked_for_up_or_down(build):
    overrides = (
        "data.outliers=0.2",
        "data.outlier_size=7",
        "data.scale_target=false",
        "data.scale_output=false",
    )
    _, _, (split,), module = build(REGRESSION, *overrides)
    true = REGRESSION.y.to_numpy()[split.train]
    moved = (batch_of(module)[1][0, :, 0] - true) / true.std()
    assert np.isclose(np.abs(moved), 7).sum() == 24
    assert set(moved.round(6)) - {0.0, -0.0} == {7, -7}


def test_outliers_of_counts_are_counts_and_go_up(build):
    frame = FRAME[["a", "b", "count"]]
    _, _, (split,), module = build(
        frame,
        "loss=poisson",
        "data.outliers=0.2",
        "data.scale_target=false",
        "data.scale_output=false",
        target="count",
    )
    moved = batch_of(module)[1][0, :, 0] - frame["count"].to_numpy()[split.train]
    assert (moved > 0).sum() == 24
    assert (moved >= 0).all()
    assert (moved == moved.round()).all()


@pytest.mark.parametrize(("kind", "steps"), [("symmetric", {1, 2}), ("pairwise", {1})])
def test_wrong_labels_are_another_class_of_any_or_the_next(build, kind, steps):
    overrides = ("loss=scce", "data.label_noise=0.5", f"data.label_noise_kind={kind}")
    _, dataset, (split,), module = build(CLASSES, *overrides, target="kind")
    away = (batch_of(module)[1][0, :, 0] - dataset.target.values[split.train]) % 3
    assert set(away) - {0} == steps


def test_imbalance_makes_the_last_class_that_much_rarer_in_as_many_training_rows(build):
    frame = CLASSES.assign(kind=np.repeat(["u", "v"], ROWS // 2))
    common = ("loss=bce", "replicates=2")
    _, dataset, before, _ = build(frame, *common, target="kind")
    _, _, after, _ = build(frame, *common, "data.imbalance=9", target="kind")
    for split, other in zip(before, after, strict=True):
        assert len(split.train) == len(other.train) == 120
        assert np.bincount(dataset.target.values[other.train]).tolist() == [108, 12]
        assert set(other.train) <= set(split.train)


def test_a_missing_label_teaches_nothing(build):
    """Training does not depend on what stands there."""
    overrides = ("loss=scce", "data.missing_labels=0.5", "trainer.max_epochs=2", "data.stratify=false")
    settings, _, (split,), module = build(CLASSES, *overrides, target="kind")
    unknown = split.train[batch_of(module)[2][0] == 0]
    assert len(unknown) == 60
    changed = CLASSES.copy()
    changed.loc[unknown, "kind"] = changed.kind[unknown].map({"u": "v", "v": "w", "w": "u"})
    again, *_, other = build(changed, *overrides, target="kind")
    for first, second in zip(
        fit(settings, module).network.parameters(), fit(again, other).network.parameters(), strict=True
    ):
        assert torch.equal(first, second)


def test_which_labels_are_missing_has_nothing_to_do_with_which_are_wrong(build):
    overrides = ("loss=scce", "data.label_noise=0.5", "data.missing_labels=0.5")
    _, dataset, (split,), module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = batch_of(module)
    wrong = labels[0, :, 0] != dataset.target.values[split.train]
    unknown = weights[0] == 0
    assert wrong.sum() == unknown.sum() == 60
    assert 15 < (wrong & unknown).sum() < 45  # of the same rows 60, of chance 30


def test_each_output_has_its_own_corruption():
    words = (
        "loss=outputs",
        "data=wine",
        "+loss@loss.outputs.cultivar=scce",
        "+loss@loss.outputs.alcohol=mse",
    )
    corruption = ("data.label_noise=0.3", "data.outliers=0.3", "data.missing_labels=0.3")
    tables = [build_from(*overrides)[3].table for overrides in (words, (*words, *corruption))]
    rows = tables[0].rows("train")
    (_, clean, _), (_, corrupted, weights) = (next(table.batches(rows, 1000)) for table in tables)
    wrong = corrupted["cultivar"][0, :, 0] != clean["cultivar"][0, :, 0]
    far = (
        tables[1].target("alcohol").in_user_units(corrupted["alcohol"])
        - tables[0].target("alcohol").in_user_units(clean["alcohol"])
    )[0, :, 0].abs() > 1e-6
    assert wrong.sum() == far.sum() == round(0.3 * rows.shape[1])
    assert 0 < (wrong & far).sum() < wrong.sum() * 2 / 3  # of the same rows all, of chance a third
    unknown = [weights[term][0] == 0 for term in ("cultivar", "alcohol")]
    assert 0 < (unknown[0] & unknown[1]).sum() < unknown[0].sum() * 2 / 3
