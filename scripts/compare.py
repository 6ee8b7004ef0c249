"""Compare recorded runs: ``python scripts/compare.py outputs/my_sweep``."""

from lossbench.cli.compare import main

if __name__ == "__main__":
    main()
