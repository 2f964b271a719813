"""Enrolling at an office's desk: staff take the photographs of somebody who stands there and signed on paper."""
