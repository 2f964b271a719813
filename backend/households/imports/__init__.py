"""An authority's register out of a file: homes, tenancies and tenants, by the thousand."""
