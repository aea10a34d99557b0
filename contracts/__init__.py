"""What may be done: action contracts, their inputs, their requests."""
