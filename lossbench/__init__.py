"""lossbench: choose, train and compare loss functions."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["compare", "losses", "results", "run"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``--help`` and completion never wait for torch."""
    if name == "run":
        from lossbench.cli.main import run

        return run
    if name == "compare":
        from lossbench.comparison.compare import compare

        return compare
    if name == "results":
        from lossbench.records.table import results

        return results
    if name == "losses":
        import importlib

        return importlib.import_module("lossbench.losses")
    raise AttributeError(f"lossbench has no {name!r}")
