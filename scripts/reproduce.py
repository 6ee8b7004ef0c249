"""Rerun a recorded run, or sweep, and compare every value: ``python scripts/reproduce.py outputs/...``."""

from lossbench.cli.reproduce import main

if __name__ == "__main__":
    main()
