"""People under age, and who acts for them."""
