"""Faults: commands of the suite are killed at random, started again, and held to the same bits."""
