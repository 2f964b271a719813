"""What is behind a link: a guest's pass, or a courier's companies."""
