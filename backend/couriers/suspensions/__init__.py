"""Companies and couriers that a community does not let in at present."""
