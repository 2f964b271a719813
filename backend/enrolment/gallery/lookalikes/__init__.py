"""People of a community whose faces are alike: for each other's sake gates look at them more closely."""
