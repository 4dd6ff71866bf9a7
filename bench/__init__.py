"""Every speed and quality figure of the project as a row that re-runs: `python -m bench.run`."""
