"""What is measured of a trained model: errors, clusters, likelihood, codes, generated images.

Nothing here trains the model that is measured, draws, or reads a published number.
"""
