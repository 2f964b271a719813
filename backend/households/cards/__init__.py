"""Printed cards, handed out at the desk to members without a telephone."""
