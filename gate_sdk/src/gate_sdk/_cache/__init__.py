"""The gate's own copy of its community's roster: rules without I/O, a store without rules, an index in memory."""
