"""Certificates: what was erased, where, and who confirmed it, signed so that anybody can check it years later."""
