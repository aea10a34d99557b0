"""What an agent is told, and what people read of it."""
