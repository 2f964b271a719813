"""Couriers' comings, as far as the company may know of them that sent them."""
