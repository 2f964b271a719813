"""Which templates are active in a community: its gallery, its credentials, and their rebuilding from ciphertext."""
