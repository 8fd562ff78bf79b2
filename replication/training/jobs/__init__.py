"""How a training is run, cut and goes on, and what is kept of it: checkpoints, weights, trackers.

Nothing here changes a result (the code hash leaves this folder out): no loss, no step, no metric.
Beside what an item measures, a job stores what q(y|x) says of every test image (``predictions``).
"""
