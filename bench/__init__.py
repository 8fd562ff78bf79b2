"""Timings: ours beside rivals and earlier selves. No result of the paper needs them."""
