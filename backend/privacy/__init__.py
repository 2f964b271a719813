"""Privacy: ending what somebody may do, and erasing what he gave, down to the gates' acknowledgements."""
