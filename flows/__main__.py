"""`python -m flows` is the command `veribeat` for the code in the current folder."""

from flows.cli import main

main()
