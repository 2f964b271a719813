"""Where somebody is logged in: his devices, seen and ended by himself."""
