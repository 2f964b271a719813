"""Lists of activation codes for those whom an import has put on the register, to be printed once."""
