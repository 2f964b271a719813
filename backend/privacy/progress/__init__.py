"""How far erasures have come: their steps, the communities whose gates have to let go, and the next attempt."""
