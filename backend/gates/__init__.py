"""Gates: how a device becomes one, proves that it is one, and stays in step with its community's roster."""
