"""Images and labels as tensors: what a data set is, and a loader for each.

A data set's module has its files' names and hashes, its reader and its download. No model here.
"""
