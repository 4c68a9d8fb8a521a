"""What a sensor is: its bands, how sharp and noisy they are, and how a scene's sensor is told."""
