"""The bundled library in a workspace: what there is, and what is added to a workspace with what it needs."""
