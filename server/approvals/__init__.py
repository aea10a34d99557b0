"""People's decisions and the keys that they sign with."""
