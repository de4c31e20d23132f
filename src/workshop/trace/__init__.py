"""A conversation between a daemon and its plugin: pass it on byte for byte, show it, record it, read it back."""
