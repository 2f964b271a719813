"""Pictures of denied approaches, where a community has turned them on: sealed, shown to few, gone within a day."""
