"""What `ailyus.toml` and the environment may say: one module for each part, the file, and the reference of all keys."""
