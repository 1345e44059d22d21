"""What a chain is and when it is true: numpy and the standard library only."""
