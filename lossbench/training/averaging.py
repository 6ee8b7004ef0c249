"""The average of each network's weights over the last epochs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

_ETA = 8  # the larger it is, the shorter the window: about the last ninth of the epochs


class WeightAverage:
    """A running average of weights whose window grows with training.

    With a constant learning rate, weights move around an optimum; their average lies nearer to it. This is
    polynomial-decay averaging (Shamir and Zhang 2013, "Stochastic gradient descent for non-smooth
    optimization", with eta = 8): it needs no number of epochs in advance.

    Args:
        parameters: the weights that are trained.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = list(parameters)
        self.averages: list[torch.Tensor] = []

    @torch.no_grad()
    def update(self, epoch: int) -> None:
        """Add the weights at the end of an epoch, counted from 1."""
        if not self.averages:
            self.averages = [parameter.detach().clone() for parameter in self.parameters]
            return
        share = (_ETA + 1) / (epoch + _ETA)
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            average.lerp_(parameter, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the averages; the weights that are trained come back at the end."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for index, parameter in enumerate(self.parameters):
            self.averages[index], parameter.data = parameter.data, self.averages[index]
