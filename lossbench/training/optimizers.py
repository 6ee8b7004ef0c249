"""The optimizers: torch's, all of them elementwise, so that no replicate influences another.

Defaults are torch's, with two exceptions: the learning rate of ``sgd`` is Keras's, and ``adamw``, the default
optimizer, has a learning rate and a decay that were chosen on real tables (``docs/tables_study.md``). Fused
steps do the same arithmetic in one pass. Where torch has no fused step for the CPU, all tensors are updated
as one list (``foreach``). ``weight_decay`` is part of the gradient, except in ``adamw``, where it shrinks the
weights directly. In neither case is it a penalty added to the loss.
"""

from collections.abc import Iterable
from typing import Any

from torch import nn, optim

from lossbench.signatures import BelowOne, NonNegative, Positive

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


def adam(
    parameters: Parameters,
    *,
    lr: Positive = 1e-3,
    beta_1: BelowOne = 0.9,
    beta_2: BelowOne = 0.999,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
    amsgrad: bool = False,
) -> optim.Optimizer:
    """Return Adam, which adapts each step to moments of the gradient (Kingma and Ba 2015)."""
    betas = (beta_1, beta_2)
    return optim.Adam(parameters, lr, betas, eps, weight_decay, amsgrad, fused=True)


def adamw(
    parameters: Parameters,
    *,
    lr: Positive = 3e-3,
    beta_1: BelowOne = 0.9,
    beta_2: BelowOne = 0.999,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.3,
    amsgrad: bool = False,
) -> optim.Optimizer:
    """Return AdamW, which is Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    betas = (beta_1, beta_2)
    return optim.AdamW(parameters, lr, betas, eps, weight_decay, amsgrad, fused=True)


def sgd(
    parameters: Parameters,
    *,
    lr: Positive = 1e-2,
    momentum: BelowOne = 0.0,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
) -> optim.Optimizer:
    """Return stochastic gradient descent, optionally with momentum (Robbins and Monro 1951)."""
    return optim.SGD(parameters, lr, momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True)


def rmsprop(
    parameters: Parameters,
    *,
    lr: Positive = 1e-2,
    alpha: BelowOne = 0.99,
    eps: Positive = 1e-8,
    momentum: BelowOne = 0.0,
    centered: bool = False,
    weight_decay: NonNegative = 0.0,
) -> optim.Optimizer:
    """Return RMSprop, which divides the gradient by its running root mean square (Hinton 2012)."""
    return optim.RMSprop(parameters, lr, alpha, eps, weight_decay, momentum, centered, foreach=True)


def adagrad(
    parameters: Parameters,
    *,
    lr: Positive = 1e-2,
    initial_accumulator_value: NonNegative = 0.0,
    eps: Positive = 1e-10,
    weight_decay: NonNegative = 0.0,
) -> optim.Optimizer:
    """Return Adagrad, which divides by the root of the sum of all squared gradients (Duchi et al. 2011)."""
    return optim.Adagrad(
        parameters,
        lr,
        weight_decay=weight_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
        foreach=True,
    )


def nadam(
    parameters: Parameters,
    *,
    lr: Positive = 2e-3,
    beta_1: BelowOne = 0.9,
    beta_2: BelowOne = 0.999,
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
    momentum_decay: NonNegative = 4e-3,
) -> optim.Optimizer:
    """Return NAdam, which is Adam with Nesterov's momentum (Dozat 2016)."""
    betas = (beta_1, beta_2)
    return optim.NAdam(parameters, lr, betas, eps, weight_decay, momentum_decay, foreach=True)
