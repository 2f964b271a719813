"""Trying a company's system out: what couriers and gates would do, said by the company itself."""
