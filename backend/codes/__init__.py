"""QR codes: keys of phones, signed tokens of guests, printed cards with a PIN."""
