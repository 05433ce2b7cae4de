"""What follows a prompt."""
