"""QR codes at the gate: rules without I/O, what is remembered of them, and reading them off a camera's frames."""
