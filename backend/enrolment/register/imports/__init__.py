"""Register photographs of many members at once: an archive, received in pieces and read by the worker."""
