"""The QR code of a guest's pass, for the guest and for the host who prints it."""
