"""List the losses, or those that fit a table: ``python scripts/catalogue.py huber``."""

from lossbench.cli.catalogue import main

if __name__ == "__main__":
    main()
