"""The key store: wrapping keys, one key a person, signing keys. Destroying a key is how a person is forgotten."""
