"""The running mean, as Keras has it."""

import numpy as np
import pytest
import torch

from lossbench.metrics import Mean


def test_the_mean_of_the_documents_counts_values_not_calls():
    mean = Mean()
    running = [
        mean(torch.tensor(batch)).item() for batch in ([1, 3, 5, 7], [1, 3, 5, 7], [1, 1, 1, 1], [2, 2])
    ]
    np.testing.assert_allclose(running, [4, 4, 3, 2.857143], rtol=1e-6)
    assert mean.result() == mean.result()
    mean.reset_states()
    assert mean.result() == 0
    mean.update_state([1.0, 2.0, 3.0], sample_weight=[1, 0, 1])
    assert mean.result() == 2
    assert Mean()(1) == 1
    assert Mean()([[1.0, 3.0], [5.0, 7.0]]) == 4
    with pytest.raises(TypeError, match=r"write Mean\(\)\(1\)"):
        Mean(1)
    assert Mean(**Mean("m", "float64").get_config()).dtype == torch.float64
