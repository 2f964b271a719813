"""Lockdown and unlock: orders of the staff that stand above hours, doors and faces."""
