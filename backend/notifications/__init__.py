"""Messages to phones: templates and the senders that carry them."""
