"""Networks, objective and the training loop."""
