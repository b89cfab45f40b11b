"""`python -m coinpurse`, the same as `coinpurse`."""

from coinpurse.cli import main

main(prog_name="coinpurse")
