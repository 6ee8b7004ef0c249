"""The run folder: results, files, locks and tables."""
