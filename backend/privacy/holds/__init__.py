"""Legal holds: photographs that an order keeps from being erased, for a time, under a key of their own."""
