"""Asking a home whether its guest or courier may come in."""
