"""Keeps the roster equal to the server's: one round of the protocol, and the thread that runs rounds."""
