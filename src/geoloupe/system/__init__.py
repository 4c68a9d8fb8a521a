"""What this machine allows the program, whatever the program does."""
