"""Photographs that an office holds of people on its register: a first face is compared with them, and they go."""
