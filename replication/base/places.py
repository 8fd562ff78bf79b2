"""Where the suite puts what it makes, in the current folder, unless a command says otherwise."""

from pathlib import Path

FIGURES = Path("figures")
REPORT = Path("results/report.html")
MEASURED = Path("bench/results")
OWN = "mine"  # the folder of records of what the reader trains again
