"""What every room may use: errors that users can mend, how a command ends, files, streams.

Nothing here knows of the paper, and nothing is imported from another room.
"""
