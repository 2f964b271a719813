"""Buildings and homes: the part of the register that stays when people move."""
