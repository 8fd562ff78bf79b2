"""How a model is trained: phases, losses, the loop, and how a run is cut and goes on.

What is measured of a trained model is not here (``measures``), nor what is drawn (``pages``).
"""
