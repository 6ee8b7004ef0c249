"""Run a recorded run, or sweep, again: ``python scripts/reproduce.py outputs/...``."""

from lossbench.reproduction import main

if __name__ == "__main__":
    main()
