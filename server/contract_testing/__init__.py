"""Contracts are tried against a target: through a proxy and a relay that lose and delay answers."""
