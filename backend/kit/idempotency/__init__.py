"""A POST that creates, sent twice with the same ``Idempotency-Key``, has its effect once and gets the same answer."""
