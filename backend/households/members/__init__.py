"""Members of households, and the codes with which they join."""
