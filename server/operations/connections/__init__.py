"""The tokens of connections whose people signed in: kept sealed, and refreshed by one replica at a time."""
