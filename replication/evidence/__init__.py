"""What was found and what it is worth: records, published values, verdicts, code hash, lineage.

Nothing here trains, measures or draws: it reads and writes files, and compares their numbers.
"""
