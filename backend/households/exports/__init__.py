"""The register as a file that an import reads again."""
