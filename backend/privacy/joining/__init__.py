"""Somebody who is a resident and a courier becomes one person, by the number that he has proven."""
