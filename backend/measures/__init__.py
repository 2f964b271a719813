"""What only the database knows of the whole system's state, measured now and again and shown as gauges."""
