"""Measures a pack on photographs of known people, in the terms of ISO/IEC 19795-1."""
