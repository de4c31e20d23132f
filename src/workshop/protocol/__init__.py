"""What is said to a plugin: one exchange, byte for byte; JSON as Go reads it; where a plugin is found."""
