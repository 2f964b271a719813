"""Courier companies: which communities they are admitted to, and how their machines log in."""
