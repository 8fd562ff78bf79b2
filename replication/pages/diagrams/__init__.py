"""Architecture diagrams (Figures 1, 3, 6, 8 and 10), traced from a real update of the model.

Only ``trace`` imports torch and the training; it is imported when a diagram is drawn.
"""
