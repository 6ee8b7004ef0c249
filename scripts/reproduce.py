"""Run a recorded run, or sweep, again: ``python scripts/reproduce.py outputs/...``."""

from lossbench.runs.reproduce import main

if __name__ == "__main__":
    main()
