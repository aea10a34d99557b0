"""The YAML models of contracts, plans and flows."""
