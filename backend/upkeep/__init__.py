"""What the operator does beside running it: keys are rotated, backups are made and restored."""
