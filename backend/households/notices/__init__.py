"""What a household is told: whom it gains, and that its tenancy ends soon."""
