"""Couriers: who works for which company, at which gates and when, and which deliveries residents expect."""
