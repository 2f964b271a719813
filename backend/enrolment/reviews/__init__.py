"""The queue of faces that a community's staff must look at before its gates may know them."""
