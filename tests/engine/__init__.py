"""The course against a real Docker Engine: a private one, which leaves no trace on the machine."""
