"""Mistakes of beginners, each with what its report has to say."""
