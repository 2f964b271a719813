"""Who works for which company: the company says so, and it counts once the courier has said yes to it."""
