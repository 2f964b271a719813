"""Who did what: an append-only, hash-chained trail per community."""
