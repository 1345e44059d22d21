"""What is pending and in what order; neither which model answers nor that a scheduler exists."""
