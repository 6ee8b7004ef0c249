"""What every docstring example may use without importing it."""

import pytest
import torch

torch.set_num_threads(1)  # each worker of pytest-xdist has a core of its own


@pytest.fixture(autouse=True)
def _torch_in_examples(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace["torch"] = torch
