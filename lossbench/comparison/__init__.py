"""Compare losses by their recorded runs: statistics, verdict, figures and report."""
