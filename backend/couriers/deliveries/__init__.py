"""Deliveries: an order that a home expects, and who brings it when."""
