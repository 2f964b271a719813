"""Pictures of denied approaches: none unless the head says so, then few, small, sealed and not for long."""
