"""An account for a member who was put on the register without a telephone."""
