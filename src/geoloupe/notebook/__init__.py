"""What is shown in notebooks."""
