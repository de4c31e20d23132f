"""Docker's commands for a machine without Docker: what a daemon would say to the plugin, and do with its volumes."""
