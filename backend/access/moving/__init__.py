"""Windows of many residents at once, for registers that come by the thousand."""
