"""Contracts, plans and flows, compiled: expressions, inputs, programs, and the catalog of all of them."""
