"""What companies are told of their own couriers, in an order that a reader can follow."""
