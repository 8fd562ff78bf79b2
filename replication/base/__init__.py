"""What every item shares. The engine knows no item."""
