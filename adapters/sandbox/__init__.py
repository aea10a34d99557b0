"""A local twin of the target systems, as one real HTTP server with injectable faults."""
