"""Every value that a run depends on, checked; experiments.yaml resolved to a variant's settings.

A file for each group of settings. No torch, no matplotlib, and nothing that acts on the settings.
"""
