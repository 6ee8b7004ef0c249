"""The study on real tables: the corpus, the training, the baselines and the page."""
