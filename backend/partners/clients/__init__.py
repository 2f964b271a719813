"""How a company's machine proves who it is: by a secret, or by signing with a key of its own."""
