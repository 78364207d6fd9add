"""`python -m tidegate` is the `tidegate` command."""

from ._cli import main

main()
