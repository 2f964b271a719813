"""What people open in a browser: the page behind a visitor's link. It speaks to the same API as everybody else."""
