"""Keys that the server signs with: kept, published, and succeeded by others."""
