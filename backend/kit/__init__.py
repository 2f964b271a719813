"""What every noun uses and what knows no noun: database, problems, tokens, storage, crypto, clock, logging."""
