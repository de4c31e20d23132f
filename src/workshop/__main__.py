"""`python -m workshop`, which is how the launcher starts the tool."""

from workshop.cli import main

main()
