"""A replication of Adversarial Autoencoders (Makhzani et al., 2015): a script per table or figure.

Here are the items' scripts and the command lines. What items share lives in the rooms below;
an item imports from rooms and from ``cli``, never from another item.
"""
