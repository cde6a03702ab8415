"""Measurements against bounds: each module prints a table and writes bench/results/NAME.json."""
