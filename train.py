"""Train the network that the command line describes: ``python train.py loss=huber loss.delta=2``."""

from lossbench.cli.train import main

if __name__ == "__main__":
    main()
