"""The daemon's side: Docker's verbs as exchanges, and its commands for a machine without Docker."""
