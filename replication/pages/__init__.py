"""What people look at: tables, figures, the report, README's table. All from records alone.

Nothing here trains or measures, and importing it loads no torch.
"""
