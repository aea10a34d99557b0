"""The library and its twins, held against the vendors' own API descriptions."""
