"""Households that move: planned ends changed or withdrawn, another home, another community."""
