"""Networks, priors, and the stack of several seeds' models, as the settings describe them.

Nothing here loads data, computes a loss or takes a step.
"""
