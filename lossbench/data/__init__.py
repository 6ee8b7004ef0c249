"""Data sets, from files to batches on the device; ``registry.load("data", name)`` gives a loader."""
