"""How a training is run, cut and goes on, and what is kept of it: checkpoints, weights, trackers.

Nothing here changes a result (the code hash leaves this folder out): no loss, no step, no measure.
"""
