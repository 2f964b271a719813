"""What gates reported: who came, when, and what was decided; alarms."""
