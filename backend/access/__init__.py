"""Who may pass, when, and by which template: grants, credentials, and the roster projected from them."""
