"""`python -m unclouded`."""

from unclouded.cli import main

main()
