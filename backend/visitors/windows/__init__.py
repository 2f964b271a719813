"""When guests may come and came: by pass, by home, and by guest."""
