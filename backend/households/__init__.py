"""The register: buildings, homes, tenancies and the people of a household."""
