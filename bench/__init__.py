"""`make bench`: what the bars of the design say, measured in one run, each beside a peer or the bare limit."""
